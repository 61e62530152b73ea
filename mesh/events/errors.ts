import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { reasons } from "../contract/fail.ts";
import type { Runtime } from "../runtime/index.ts";
import { sqliteCode } from "../store/errors.ts";
import { waitAfter } from "./backoff.ts";
import { ATTEMPT_WAIT_MS_MAX, ATTEMPT_WAIT_MS_MIN, ERROR_CHARS_MAX } from "./limits.ts";

const reason = reasons("heddle.events.v1");

export const SEQUENCE_UNKNOWN = reason(
  "SEQUENCE_UNKNOWN",
  Code.OutOfRange,
  "The feed ends at {lastSequence}, before {afterSequence}: it was restored from an older copy, or the subscriber is another's.",
);
export const FEED_DIVERGED = reason(
  "FEED_DIVERGED",
  Code.OutOfRange,
  "The feed's event {afterSequence} is another than the subscriber applied: the feed was restored from an older copy and has gone on.",
);
export const SEQUENCE_TRIMMED = reason(
  "SEQUENCE_TRIMMED",
  Code.OutOfRange,
  "The feed begins at {firstSequence}; events after {afterSequence} are no longer kept.",
);
export const SUBSCRIBERS_TOO_MANY = reason(
  "SUBSCRIBERS_TOO_MANY",
  Code.ResourceExhausted,
  "{subscribers} subscribers follow this instance already.",
);
export const FEED_STOPPING = reason(
  "FEED_STOPPING",
  Code.Unavailable,
  "This instance is stopping; subscribe again to reach another.",
);
export const SKIP_TOO_WIDE = reason(
  "SKIP_TOO_WIDE",
  Code.InvalidArgument,
  "Say which dead letters are skipped: by key, by sequence, or all of them.",
);
export const VIEW_NOT_FOUND = reason("VIEW_NOT_FOUND", Code.NotFound, "There is no view {view}. Known: {known}.");
export const REBUILD_RUNNING = reason(
  "REBUILD_RUNNING",
  Code.FailedPrecondition,
  "Generation {generation} of the view {view} is {doing}; wait until it is done.",
);
export const SUBSCRIPTION_NOT_FOUND = reason(
  "SUBSCRIPTION_NOT_FOUND",
  Code.NotFound,
  "Nothing here follows {source} {target}.",
);
export const SUBSCRIPTION_NOT_DIVERGED = reason(
  "SUBSCRIPTION_NOT_DIVERGED",
  Code.FailedPrecondition,
  "The subscription to {source} has not diverged; there is nothing to resume.",
);
export const INBOX_NOT_EMPTY = reason(
  "INBOX_NOT_EMPTY",
  Code.FailedPrecondition,
  "{events} events of {source} after {afterSequence} have not taken effect and are not in the feed any more: replay or skip them first.",
);

export const SUBSCRIPTIONS_UNHELD = reason(
  "SUBSCRIPTIONS_UNHELD",
  Code.Unavailable,
  "No replica of this service follows the events of others at the moment; one takes over within a second. Try again.",
);

/** The reason of an RPC that failed; "" where it names none. */
export const reasonOf = (error: unknown): string =>
  error instanceof ConnectError ? (error.findDetails(ErrorInfoSchema)[0]?.reason ?? "") : "";

/** Another replica of this service has moved the cursor, or ended the generation. */
export class CursorMoved extends Error {
  constructor() {
    super("another replica of this service follows the feed");
    this.name = "CursorMoved";
  }
}

const STORE_REASONS = /^(STORE_(OVERLOADED|BUSY|FULL|CLOSED|BROKEN)|COMMIT_FAILED|LEASE_LOST)$/;
const STORE_CODES = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|NOMEM|CORRUPT|READONLY|CANTOPEN|INTERRUPT)/;

/** True for an error that says something about the store, and nothing about the event that was to be applied. */
export const isStoreFault = (error: unknown): boolean =>
  error instanceof CursorMoved || STORE_REASONS.test(reasonOf(error)) || STORE_CODES.test(sqliteCode(error) ?? "");

/** True for an error that passes by itself: another service is away, or has too much to do. */
export const isAway = (error: unknown): boolean =>
  error instanceof ConnectError &&
  [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Aborted].includes(error.code);

/** Milliseconds until the next attempt. */
export const attemptWaitMs = (attempts: number, { random }: Pick<Runtime, "random">): number =>
  waitAfter(attempts, { firstMs: ATTEMPT_WAIT_MS_MIN, maxMs: ATTEMPT_WAIT_MS_MAX, factor: 4 }, random);

/** What is kept of an error. */
export const errorText = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, ERROR_CHARS_MAX).toWellFormed();
