import { create, type DescService } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { AdmissionOutcome } from "@heddle/contracts/heddle/contract/v1";
import {
  type Instance,
  type RegisterRequest,
  type RegisterResponse,
  RegisterResponseSchema,
  type RegistryService,
} from "@heddle/contracts/heddle/registry/v1";
import { fail, violationLine } from "@heddle/mesh/contract";
import { ANONYMOUS, type Caller } from "@heddle/mesh/identity";
import type { Logger } from "@heddle/mesh/observe";
import { currentCall, type Handler } from "@heddle/mesh/rpc";
import { type Ids, parseAddress, type Timers } from "@heddle/mesh/runtime";
import type { Admission, Decided } from "../admission/admission.ts";
import {
  ADDRESS_INVALID,
  CONTRACT_REFUSED,
  HEARTBEAT_MISSED,
  MESSAGE_OUT_OF_ORDER,
  SERVICE_OF_ANOTHER,
  SERVICE_RESERVED,
} from "../errors.ts";
import type { ContractInForce, Contracts } from "../registry/contracts.ts";
import type { Instances } from "../registry/instances.ts";

/** Seconds between heartbeats, and how many may be missed: a hung instance gets no calls after twice that long and a half. */
const HEARTBEAT_SECONDS = 5n;
const SILENT_MS_MAX = 15_000;

/** Enters an instance for as long as its stream is open. The steps of the conversation are those of the contract. */
export const register = (deps: {
  instances: Instances;
  contracts: Contracts;
  admission: Admission;
  /** What the gateway serves itself, and no instance may. */
  reserved: readonly DescService[];
  timers: Timers;
  ids: Ids;
  log: Logger;
}): Handler<typeof RegistryService.method.register> =>
  async function* (requests, { signal }) {
    const { instances, contracts, admission, log } = deps;
    const reserved = new Set(deps.reserved.map(({ typeName }) => typeName));
    const next = hearing(requests[Symbol.asyncIterator](), deps.timers, signal);

    const instance = expect(await next("?"), "instance");
    for (const service of instance.packages.flatMap(({ services }) => services)) {
      if (reserved.has(service)) throw fail(SERVICE_RESERVED, { service });
    }
    assertOwn(instance, currentCall()?.caller);
    if (!isAddress(instance.address)) throw fail(ADDRESS_INVALID, { address: instance.address });
    yield say({ case: "registered", value: registered(deps.ids.next("lse")) });

    await admission.recall(instance.packages);
    const missing = contracts.missing(instance.packages);
    if (missing.length > 0) {
      yield say({
        case: "contractsNeeded",
        value: { $typeName: "heddle.registry.v1.ContractsNeeded", contractHashes: missing },
      });
    }
    for (let left = missing.length; left > 0; ) {
      const request = await next(instance.instanceId);
      // A slow start may heartbeat before it has sent all contracts.
      if (request?.body.case === "heartbeat") continue;
      contracts.add(expect(request, "contract"));
      left--;
    }
    const { instanceId, serviceName, version, address } = instance;
    contracts.check(instance.packages);
    instances.check(instance);
    const decided = await admission.decide(instance);
    if (!decided.admitted) {
      const { violations, nextSteps } = decided;
      tellRefusal(log, instance, decided);
      yield say({
        case: "refused",
        value: {
          $typeName: "heddle.registry.v1.Refused",
          violations: [...violations],
          nextSteps: [...nextSteps],
        },
      });
      throw refusal(decided);
    }
    const leave = enter(instance, decided.inForce, deps);
    for (const { packageName, outcome } of decided.outcomes) {
      const line = { package: packageName, serviceName, version };
      if (outcome === AdmissionOutcome.OVERRIDDEN)
        log.warn(line, "contract in force, by an override: it breaks callers");
      else if (outcome === AdmissionOutcome.COMPATIBLE) log.info(line, "contract in force");
    }
    log.info({ instanceId, serviceName, version, address }, "instance entered");
    try {
      const packages = instance.packages.map(({ name }) => name);
      yield say({ case: "admitted", value: { $typeName: "heddle.registry.v1.Admitted", packages } });
      for (;;) {
        const request = await next(instanceId);
        if (request === undefined) return;
        instances.setState(instanceId, expect(request, "heartbeat").state);
      }
    } finally {
      // One that goes to the gateway's successor is as well as before: calls that are still on their way are answered by it.
      if (!isDrained(signal)) {
        leave();
        log.info({ instanceId, serviceName, address }, "instance left");
      }
    }
  };

/** Whether a call was ended because the gateway itself stops. */
const isDrained = ({ aborted, reason }: AbortSignal): boolean =>
  aborted &&
  ConnectError.from(reason)
    .findDetails(ErrorInfoSchema)
    .some((info) => info.reason === "DRAINING");

/** Routes calls to an instance until the returned function is called; throws, and changes nothing, when it may not enter. */
const enter = (
  instance: Instance,
  inForce: readonly ContractInForce[],
  { instances, contracts }: { instances: Instances; contracts: Contracts },
): (() => void) => {
  const withdraw = contracts.admit(instance.packages, inForce);
  try {
    const leave = instances.enter(instance);
    return () => {
      leave();
      withdraw();
    };
  } catch (error) {
    withdraw();
    throw error;
  }
};

/** A service cannot take the calls of another. Whoever shows no identity has been let in without: the local caller. */
const assertOwn = ({ serviceName: service }: Instance, caller: Caller = ANONYMOUS): void => {
  if (caller.service === undefined || caller.service === service) return;
  throw fail(SERVICE_OF_ANOTHER, { caller: caller.service, service });
};

type Refusal = Extract<Decided, { admitted: false }>;

/** A line of the log, loud the first time only: an instance that is refused tries again and again. */
const tellRefusal = (log: Logger, { serviceName, version, instanceId }: Instance, refusal: Refusal): void => {
  const { violations, nextSteps } = refusal;
  const line = {
    instanceId,
    serviceName,
    version,
    packages: refusal.refused.map(({ packageName }) => packageName),
    violations: violations.slice(0, LOGGED_MAX).map(violationLine),
    count: violations.length,
    next: nextSteps,
  };
  if (refusal.isNews) log.warn(line, "instance refused: its contract would break callers");
  else log.debug(line, "instance refused again");
};

/** Violations in a line of the log; `heddle contracts history` has all. */
const LOGGED_MAX = 10;

const refusal = ({ refused, violations, nextSteps }: Refusal) => {
  const [first] = violations;
  const { packageName = "", contractHash = "" } = refused[0] ?? {};
  return fail(CONTRACT_REFUSED, {
    packageName,
    contractHash: contractHash.slice(0, 12),
    violation: first === undefined ? "" : `${first.rule}: ${first.message}`,
    violations: violations.length,
    nextStep: nextSteps.join("; or "),
  });
};

type Body = RegisterRequest["body"];
type Value<C extends Body["case"]> = Extract<Body, { case: C }> extends { value: infer V } ? V : never;

/** The value of a message that must be of one kind. */
const expect = <C extends "instance" | "contract" | "heartbeat">(
  request: RegisterRequest | undefined,
  kind: C,
): Value<C> => {
  if (request?.body.case !== kind) {
    throw fail(MESSAGE_OUT_OF_ORDER, { expected: kind, actual: request?.body.case ?? "the end of the stream" });
  }
  return request.body.value as Value<C>;
};

const say = (body: RegisterResponse["body"]): RegisterResponse => create(RegisterResponseSchema, { body });

const registered = (leaseId: string) => ({
  $typeName: "heddle.registry.v1.Registered" as const,
  leaseId,
  heartbeatInterval: { $typeName: "google.protobuf.Duration" as const, seconds: HEARTBEAT_SECONDS, nanos: 0 },
});

/** The next message, undefined at the end of the stream; throws when nothing came for too long. */
const hearing =
  (requests: AsyncIterator<RegisterRequest>, timers: Timers, signal: AbortSignal) => async (instanceId: string) => {
    const heard = new AbortController();
    const silence = timers.sleep(SILENT_MS_MAX, AbortSignal.any([heard.signal, signal])).then(
      () => {
        throw fail(HEARTBEAT_MISSED, { instanceId, silentMs: SILENT_MS_MAX });
      },
      () => (signal.aborted ? Promise.reject(signal.reason) : undefined),
    );
    try {
      const request = await Promise.race([requests.next(), silence]);
      return request === undefined || request.done === true ? undefined : request.value;
    } finally {
      heard.abort();
      silence.catch(() => undefined);
    }
  };

const isAddress = (text: string): boolean => {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
};
