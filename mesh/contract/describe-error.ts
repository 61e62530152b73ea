import { Code, ConnectError } from "@connectrpc/connect";
import { commonReasons } from "./common-reasons.ts";
import { fail, reasons } from "./fail.ts";

/** How long a caller should wait before it tries a service again that was not available, in milliseconds. */
const UNAVAILABLE_RETRY_DELAY_MS = 1000;

/** Texts of the RPC library, which may show addresses or what a peer sent. */
const LIBRARY_TEXT =
  /^(protocol error|cannot decode|cannot encode|parse |serialize |failed to |invalid |unsupported |unexpected |HTTP )/;

/**
 * The same failure with an ErrorInfo, for a ConnectError that has none: the mesh's own reason and words for what the RPC
 * library raises, and the error's own words with its code's name as the reason for what only an application raises.
 * Undefined where the error says nothing that a caller could use, or what a caller must not see: treat it as internal.
 */
export const describeError = (error: ConnectError, domain: string): ConnectError | undefined => {
  const known = commonReasons(domain);
  const options = { cause: error };
  switch (error.code) {
    case Code.Canceled:
      return fail(known.CANCELLED, {}, options);
    case Code.DeadlineExceeded:
      return fail(known.DEADLINE_EXCEEDED, {}, options);
    case Code.Unavailable:
      return unavailable(error, domain);
    case Code.Aborted:
      // What the library calls aborted when a connection breaks is a service that went away.
      return isFromSystem(error) ? unavailable(error, domain) : spoken(error, domain);
    case Code.ResourceExhausted:
      return tooLarge(error, domain) ?? fail(known.RESOURCE_EXHAUSTED, {}, options);
    case Code.Unimplemented:
      return fail(known.METHOD_UNKNOWN, {}, options);
    default:
      return spoken(error, domain);
  }
};

const unavailable = (error: ConnectError, domain: string): ConnectError =>
  fail(commonReasons(domain).UNAVAILABLE, {}, { cause: error, retryDelayMs: UNAVAILABLE_RETRY_DELAY_MS });

/** Reasons for codes that only an application gives: their text was meant for the caller. */
const applicationReasons = new Map<Code, string>([
  [Code.InvalidArgument, "REQUEST_MALFORMED"],
  [Code.NotFound, "NOT_FOUND"],
  [Code.AlreadyExists, "ALREADY_EXISTS"],
  [Code.PermissionDenied, "PERMISSION_DENIED"],
  [Code.Unauthenticated, "UNAUTHENTICATED"],
  [Code.FailedPrecondition, "FAILED_PRECONDITION"],
  [Code.Aborted, "ABORTED"],
  [Code.OutOfRange, "OUT_OF_RANGE"],
]);

const spoken = (error: ConnectError, domain: string): ConnectError | undefined => {
  const reason = applicationReasons.get(error.code);
  if (reason === undefined || LIBRARY_TEXT.test(error.rawMessage) || isFromSystem(error)) return undefined;
  const described = fail(
    reasons(domain)(reason, error.code, "{message}"),
    { message: error.rawMessage },
    { cause: error },
  );
  described.details.push(...error.details);
  return described;
};

/** The library wraps errors of sockets, streams and parsers in its own, with their text. */
const isFromSystem = ({ cause }: ConnectError): boolean => cause instanceof Error && !(cause instanceof ConnectError);

const TOO_LARGE =
  /^message (?:size )?(?:\d+ )?is larger than configured (?:read|write)MaxBytes (\d+)(?: after decompression)?$/;

const tooLarge = (error: ConnectError, domain: string): ConnectError | undefined => {
  const limitBytes = TOO_LARGE.exec(error.rawMessage)?.[1];
  return limitBytes === undefined
    ? undefined
    : fail(commonReasons(domain).MESSAGE_TOO_LARGE, { limitBytes }, { cause: error });
};
