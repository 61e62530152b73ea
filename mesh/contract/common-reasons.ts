import { Code } from "@connectrpc/connect";
import { reasons } from "./fail.ts";

/**
 * The reasons that the mesh itself gives, the same for every contract, in the domain of the package whose contract is at
 * stake. Described for callers in `docs/concepts/errors.md`; a test keeps the two together.
 */
export const commonReasons = (domain: string): CommonReasons => {
  const known = declared.get(domain);
  if (known !== undefined) return known;
  const made = declare(domain);
  // Domains come from contracts; a stranger cannot make this grow without bound, but an endless process must not either.
  if (declared.size < DOMAINS_MAX) declared.set(domain, made);
  return made;
};

export type CommonReasons = ReturnType<typeof declare>;

const DOMAINS_MAX = 1024;
const declared = new Map<string, CommonReasons>();

const declare = (domain: string) => {
  const reason = reasons(domain);
  return {
    VALIDATION_FAILED: reason(
      "VALIDATION_FAILED",
      Code.InvalidArgument,
      "Invalid {field}: {description} ({rule}, 1 of {violations}).",
    ),
    REQUEST_MALFORMED: reason("REQUEST_MALFORMED", Code.InvalidArgument, "The request cannot be read: {problem}."),
    UPDATE_MASK_INVALID: reason("UPDATE_MASK_INVALID", Code.InvalidArgument, "The update mask is invalid: {problem}."),
    FIELD_IMMUTABLE: reason("FIELD_IMMUTABLE", Code.InvalidArgument, "{field} cannot be changed."),
    PAGE_SIZE_INVALID: reason("PAGE_SIZE_INVALID", Code.InvalidArgument, "page_size {pageSize} is negative."),
    PAGE_TOKEN_INVALID: reason("PAGE_TOKEN_INVALID", Code.InvalidArgument, "The page token is invalid: {problem}."),
    ETAG_MISMATCH: reason(
      "ETAG_MISMATCH",
      Code.Aborted,
      "The resource was changed since it was read: its etag is {actual}, not {expected}. Read it again, then repeat.",
    ),
    REQUEST_ID_REUSED: reason(
      "REQUEST_ID_REUSED",
      Code.InvalidArgument,
      "Request id {requestId} was used before with another payload.",
    ),
    CONTRACT_INVALID: reason("CONTRACT_INVALID", Code.InvalidArgument, "The descriptor set is invalid: {problem}."),
    MESSAGE_TOO_LARGE: reason(
      "MESSAGE_TOO_LARGE",
      Code.ResourceExhausted,
      "The message is larger than the {limitBytes} bytes that are accepted.",
    ),
    RESOURCE_EXHAUSTED: reason("RESOURCE_EXHAUSTED", Code.ResourceExhausted, "A limit of the service is reached."),
    OVERLOADED: reason(
      "OVERLOADED",
      Code.ResourceExhausted,
      "The call was not begun: this instance has more to do than it can.",
    ),
    COMPRESSION_UNKNOWN: reason(
      "COMPRESSION_UNKNOWN",
      Code.Unimplemented,
      "The compression of the request is not known; known are: {supported}.",
    ),
    CREDENTIALS_MISSING: reason(
      "CREDENTIALS_MISSING",
      Code.Unauthenticated,
      "{method} is for {allowed}; the call was refused because {why}.",
    ),
    TOKEN_INVALID: reason("TOKEN_INVALID", Code.Unauthenticated, "The credentials are not valid: {problem}."),
    TOKEN_EXPIRED: reason("TOKEN_EXPIRED", Code.Unauthenticated, "The access token has expired."),
    ACCESS_DENIED: reason("ACCESS_DENIED", Code.PermissionDenied, "{method} is for {allowed}, and not for {caller}."),
    KEYS_UNKNOWN: reason(
      "KEYS_UNKNOWN",
      Code.Unavailable,
      "The access token cannot be checked yet: the keys that it may be signed with are being asked for.",
    ),
    METHOD_UNKNOWN: reason("METHOD_UNKNOWN", Code.Unimplemented, "The method is not implemented."),
    DEADLINE_EXCEEDED: reason(
      "DEADLINE_EXCEEDED",
      Code.DeadlineExceeded,
      "The deadline passed before the call was done.",
    ),
    CANCELLED: reason("CANCELLED", Code.Canceled, "The call was cancelled."),
    UNAVAILABLE: reason("UNAVAILABLE", Code.Unavailable, "A service that the call needs is not available."),
    CIRCUIT_OPEN: reason(
      "CIRCUIT_OPEN",
      Code.Unavailable,
      "The call was not sent: most calls to {service} fail now, and it is given time to recover.",
    ),
    INTERNAL: reason("INTERNAL", Code.Internal, "Internal error {errorId}."),
  } as const;
};
