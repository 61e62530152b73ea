import { Code } from "@connectrpc/connect";
import { reasons } from "@heddle/mesh/contract";

const registry = reasons("heddle.registry.v1");

export const CONTRACT_NOT_FOUND = registry(
  "CONTRACT_NOT_FOUND",
  Code.NotFound,
  "Contract {contract} is not known here.",
);
export const CONTRACT_HASH_MISMATCH = registry(
  "CONTRACT_HASH_MISMATCH",
  Code.InvalidArgument,
  "The descriptor set has the hash {actual}, not {claimed}.",
);
export const CONTRACT_INCOMPLETE = registry(
  "CONTRACT_INCOMPLETE",
  Code.InvalidArgument,
  "{packageName} names the service {service}, which its contract does not have.",
);
export const MESSAGE_OUT_OF_ORDER = registry(
  "MESSAGE_OUT_OF_ORDER",
  Code.InvalidArgument,
  "Expected {expected}, got {actual}.",
);
export const HEARTBEAT_MISSED = registry(
  "HEARTBEAT_MISSED",
  Code.DeadlineExceeded,
  "Nothing was heard of instance {instanceId} for {silentMs} ms.",
);
export const SERVICE_RESERVED = registry(
  "SERVICE_RESERVED",
  Code.PermissionDenied,
  "{service} is served by the gateway itself.",
);
export const SERVICE_OF_ANOTHER = registry(
  "SERVICE_OF_ANOTHER",
  Code.PermissionDenied,
  "The caller is the service {caller}, and cannot register an instance of {service}.",
);
export const INSTANCE_ENTERED = registry(
  "INSTANCE_ENTERED",
  Code.AlreadyExists,
  "Instance {instanceId} is entered already.",
);
export const REGISTRY_FULL = registry(
  "REGISTRY_FULL",
  Code.ResourceExhausted,
  "The registry holds {instances} instances and takes no more.",
);
export const CONTRACTS_FULL = registry(
  "CONTRACTS_FULL",
  Code.ResourceExhausted,
  "The registry keeps {contracts} contracts and takes no more.",
);
export const ADDRESS_INVALID = registry(
  "ADDRESS_INVALID",
  Code.InvalidArgument,
  "{address} is no address that can be called.",
);

export const CONTRACT_REFUSED = registry(
  "CONTRACT_REFUSED",
  Code.FailedPrecondition,
  "The contract {contractHash} of {packageName} would break its callers: {violation} (1 of {violations}). Next: {nextStep}.",
);
export const ACCESS_UNDECLARED = registry(
  "ACCESS_UNDECLARED",
  Code.InvalidArgument,
  'The contract of {service} does not say who may call {methods}: add "option (heddle.options.v1.access)" to each.',
);
export const PACKAGE_REPEATED = registry(
  "PACKAGE_REPEATED",
  Code.InvalidArgument,
  "The instance offers {packageName} twice; offer it once, with one contract.",
);

const contract = reasons("heddle.contract.v1");

export const PACKAGE_NOT_FOUND = contract(
  "PACKAGE_NOT_FOUND",
  Code.NotFound,
  "The package {packageName} is not known here.",
);
export const OVERRIDE_NOT_FOUND = contract("OVERRIDE_NOT_FOUND", Code.NotFound, "There is no override {overrideId}.");
export const OVERRIDES_FULL = contract(
  "OVERRIDES_FULL",
  Code.ResourceExhausted,
  "{overrides} overrides are active, and no more can be: revoke those that are not needed.",
);

export const CONSUMER_MISMATCH = reasons("heddle.usage.v1")(
  "CONSUMER_MISMATCH",
  Code.PermissionDenied,
  "{service} reports calls of {consumerName}: a service reports its own.",
);

const traffic = reasons("heddle.traffic.v1");

export const TARGET_NOT_FOUND = traffic("TARGET_NOT_FOUND", Code.NotFound, "No contract has {target}; {hint}");
export const TARGET_IS_GATEWAY = traffic(
  "TARGET_IS_GATEWAY",
  Code.FailedPrecondition,
  "{target} is served by the gateway itself, whose calls no rule concerns: whoever ends a rule must get through.",
);
export const RULE_NOT_FOUND = traffic("RULE_NOT_FOUND", Code.NotFound, "There is no rule {ruleId}.");
export const RULES_FULL = traffic(
  "RULES_FULL",
  Code.ResourceExhausted,
  "More than {rules} rules would be in force: end those that are not needed.",
);
export const RULES_OVERLAP = traffic(
  "RULES_OVERLAP",
  Code.InvalidArgument,
  "Two of the rules would take one place, {slot}: leave one out.",
);
export const FAULT_LIFETIME_TOO_LONG = traffic(
  "FAULT_LIFETIME_TOO_LONG",
  Code.InvalidArgument,
  "A fault lasts at most 24 hours: ask for a shorter lifetime, and for another when it is over.",
);

const gateway = reasons("heddle.gateway");

export const SERVICE_UNAVAILABLE = gateway(
  "SERVICE_UNAVAILABLE",
  Code.Unavailable,
  "No instance of {service} takes calls now: {why}.",
);
export const SERVICE_AMBIGUOUS = gateway(
  "SERVICE_AMBIGUOUS",
  Code.InvalidArgument,
  "{service} is served by each of {owners}. Name one of them by the header heddle-service.",
);
export const RELAY_LOOP = gateway(
  "RELAY_LOOP",
  Code.FailedPrecondition,
  "The call to {service} came back: {address} leads to this gateway.",
);
export const INSTANCE_UNREACHABLE = gateway(
  "INSTANCE_UNREACHABLE",
  Code.Unavailable,
  "The instance of {service} that the call went to ended the connection without an answer.",
);
export const ANSWER_UNREADABLE = gateway(
  "ANSWER_UNREADABLE",
  Code.Internal,
  "The instance of {service} gave an answer that cannot be read: {problem}.",
);
export const PATH_UNAVAILABLE = gateway(
  "PATH_UNAVAILABLE",
  Code.Unavailable,
  "Nobody has told of {path} yet: the gateway has just started.",
);
export const RATE_LIMITED = gateway(
  "RATE_LIMITED",
  Code.ResourceExhausted,
  "{method} takes {callsPerSecond} calls a second of each caller, {burst} at once. Try again in {waitMs} ms.",
);
export const UPSTREAM_BUSY = gateway(
  "UPSTREAM_BUSY",
  Code.Unavailable,
  "The instances of {service} have as many calls on their way as each may: {calls}.",
);
export const ORIGIN_NOT_ALLOWED = gateway(
  "ORIGIN_NOT_ALLOWED",
  Code.PermissionDenied,
  "Pages of {origin} may not call this gateway. Name the origin in HEDDLE_CORS_ORIGINS to let them.",
);
export const DOCUMENT_UNKNOWN = gateway(
  "DOCUMENT_UNKNOWN",
  Code.NotFound,
  "{path} documents nothing: the mesh serves no such package. /docs lists those that it serves.",
);
