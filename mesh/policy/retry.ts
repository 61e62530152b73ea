import { Code } from "@connectrpc/connect";
import type { Random } from "../runtime/index.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** How often and after what time a call is sent again. */
export interface RetryOptions {
  /** Times that a call is sent, the first among them. gRPC allows 5; each one more helps less and loads more. */
  readonly attemptsMax: number;
  /** Milliseconds before the first further attempt, doubled for each one after it, up to the most. */
  readonly backoffStartMs: number;
  readonly backoffMaxMs: number;
  /** The share by which a wait is longer or shorter, so that many callers do not come back as one (gRFC A6). */
  readonly jitter: number;
  /** Milliseconds that a target may ask for. Who is to wait longer had better be told so. */
  readonly waitMaxMs: number;
}

export const RETRY: RetryOptions = {
  attemptsMax: 3,
  backoffStartMs: 25,
  backoffMaxMs: 1_000,
  jitter: 0.2,
  waitMaxMs: 5_000,
};

/** How one attempt has failed. */
export interface FailedAttempt {
  readonly code: Code;
  /** What the target says by `grpc-retry-pushback-ms`: wait so many milliseconds, or, negative, do not come back (gRFC A6). */
  readonly pushbackMs: number | undefined;
  /** Milliseconds to wait at least, by google.rpc.RetryInfo. */
  readonly retryDelayMs: number | undefined;
  /** The response's headers have come: the call is committed to this attempt (gRFC A6). */
  readonly isAnswered: boolean;
}

/** What there is to go on with. */
export interface RetryState {
  /** Whether the call may take effect twice without harm. */
  readonly mayRepeat: boolean;
  /** Times that it was sent. */
  readonly attempts: number;
  readonly attemptsMax: number;
  /** Milliseconds until its deadline; Infinity for none. */
  readonly leftMs: number;
  readonly nowMs: number;
  readonly budget: RetryBudget;
  readonly random: Pick<Random, "below">;
}

/**
 * `again`: after so many milliseconds. Else the failure is the answer; `isExhausted`: it was tried often enough, here or further
 * on, and nobody above is to try it again.
 */
export type RetryDecision =
  | { readonly again: true; readonly afterMs: number }
  | { readonly again: false; readonly isExhausted: boolean };

/**
 * Whether a failed call is sent again. UNAVAILABLE is; RESOURCE_EXHAUSTED where the target says when there will be room. ABORTED is
 * not: what the caller has read before is out of date, so that all of it is to be done again, not its last call. What has an
 * unknown end, as DEADLINE_EXCEEDED, INTERNAL and UNKNOWN, is not: time, or a fault, is not mended by asking again.
 */
export const decideRetry = (
  failed: FailedAttempt,
  { mayRepeat, attempts, attemptsMax, leftMs, nowMs, budget, random }: RetryState,
  options: RetryOptions = RETRY,
): RetryDecision => {
  const { pushbackMs, retryDelayMs, isAnswered } = failed;
  // Whoever says no was asked often enough, also where this call is none that we would repeat.
  if (pushbackMs !== undefined && pushbackMs < 0) return EXHAUSTED;
  if (!mayRepeat || !isPassing(failed)) return FINAL;
  if (isAnswered || attempts >= attemptsMax) return EXHAUSTED;
  const afterMs =
    pushbackMs ?? Math.max(retryBackoffMs(attempts, random, options), longer(retryDelayMs ?? 0, random, options));
  if (afterMs > options.waitMaxMs || afterMs >= leftMs || !budget.take(nowMs)) return EXHAUSTED;
  return { again: true, afterMs };
};

const FINAL: RetryDecision = { again: false, isExhausted: false };
const EXHAUSTED: RetryDecision = { again: false, isExhausted: true };

const isPassing = ({ code, pushbackMs, retryDelayMs }: FailedAttempt): boolean =>
  code === Code.Unavailable ||
  (code === Code.ResourceExhausted && (pushbackMs !== undefined || retryDelayMs !== undefined));

/** Milliseconds before the next attempt, after `attempts` of them. */
export const retryBackoffMs = (
  attempts: number,
  random: Pick<Random, "below">,
  { backoffStartMs, backoffMaxMs, jitter }: RetryOptions = RETRY,
): number => {
  const stepMs = Math.min(backoffStartMs * 2 ** (attempts - 1), backoffMaxMs);
  return Math.round(stepMs * (1 - jitter + (2 * jitter * random.below(DRAWS)) / DRAWS));
};

/** No shorter than was asked for, and longer by a part. */
const longer = (ms: number, random: Pick<Random, "below">, { jitter }: RetryOptions): number =>
  ms === 0 ? 0 : Math.round(ms * (1 + (jitter * random.below(DRAWS)) / DRAWS));

const DRAWS = 1_000_000;

/** Says in metadata how often a call was sent before (gRFC A6). */
export const PREVIOUS_ATTEMPTS = "grpc-previous-rpc-attempts";
/** Says in trailers when a call may be sent again: milliseconds, or -1 for never (gRFC A6). */
export const PUSHBACK = "grpc-retry-pushback-ms";
export const NEVER_AGAIN = "-1";

/** Reads `grpc-retry-pushback-ms`. What is no number means never (gRFC A6); undefined where nothing is said. */
export const readPushback = (text: string | null | undefined): number | undefined => {
  if (text === null || text === undefined) return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) : -1;
};

/** Reads `grpc-previous-rpc-attempts`: how often others have sent the call before. What is no number is none. */
export const readPreviousAttempts = (text: string | null | undefined): number =>
  text !== null && text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : 0;
