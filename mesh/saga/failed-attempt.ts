import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";
import type { Random } from "../runtime/index.ts";
import { BACKOFF_MAX_MS, BACKOFF_START_MS, ERROR_CHARS_MAX } from "./limits.ts";

/** What an error says about trying again. */
export interface FailedAttempt {
  /** Code and reason, such as `UNAVAILABLE DRAINING (order.v1)`; nothing that a message could give away. */
  readonly reason: string;
  /** True: the answer is no, however often one asks. */
  readonly saysNo: boolean;
  /** Milliseconds that the called service asks to wait at least. */
  readonly retryDelayMs: number;
}

/** The codes of an answer that is no, and has had no effect. All others may mean anything, also that the effect is there. */
const SAYS_NO: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.FailedPrecondition,
  Code.OutOfRange,
]);

/** Reads an error that an attempt ended with. */
export const failedAttempt = (thrown: unknown): FailedAttempt => {
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const code = codeToString(error.code).toUpperCase();
  const reason = info === undefined ? code : `${code} ${info.reason} (${info.domain})`;
  return {
    reason: reason.slice(0, ERROR_CHARS_MAX),
    // What is no error of a call is a fault in the code, and may have happened after the effect.
    saysNo: thrown instanceof ConnectError && SAYS_NO.has(error.code),
    retryDelayMs: delay === undefined ? 0 : Math.min(durationMs(delay), BACKOFF_MAX_MS),
  };
};

/** Milliseconds to wait after the `tries`th failed attempt: exponential with full jitter, and no less than was asked for. */
export const backoffMs = (tries: number, { retryDelayMs }: { retryDelayMs: number }, random: Random): number => {
  const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_START_MS * 2 ** Math.min(tries - 1, 20));
  return Math.max(retryDelayMs, random.below(ceilingMs + 1));
};
