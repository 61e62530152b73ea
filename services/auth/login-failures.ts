import { createHash } from "node:crypto";
import { fail } from "@heddle/mesh/contract";
import { LOGIN_FAILURES_EXHAUSTED } from "./errors.ts";
import { LOGIN_FAILURES_MAX, LOGIN_FAILURES_WINDOW_MS } from "./limits.ts";
import { foldEmail } from "./user.ts";

/** Sign-ins with one e-mail address that failed since the last one that succeeded, or that are not decided yet. */
export interface LoginFailures {
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly lastMs: number;
}

/** What failures are counted by: addresses without an account count the same, and are not kept as text. 32 bytes. */
export const accountKey = (email: string): Uint8Array => createHash("sha256").update(foldEmail(email)).digest();

/** The failures after one more. Throws RESOURCE_EXHAUSTED LOGIN_FAILURES_EXHAUSTED like `refuseWhileExhausted`. */
export const oneMoreFailure = (failures: LoginFailures | undefined, nowMs: number): LoginFailures => {
  refuseWhileExhausted(failures, nowMs);
  const count = restMsOf(failures, nowMs) > 0 ? (failures?.count ?? 0) : 0;
  return { count: count + 1, lastMs: nowMs };
};

/** Throws RESOURCE_EXHAUSTED LOGIN_FAILURES_EXHAUSTED, with the time to wait, while an account is locked. */
export const refuseWhileExhausted = (failures: LoginFailures | undefined, nowMs: number): void => {
  if (failures === undefined || failures.count < LOGIN_FAILURES_MAX) return;
  const restMs = restMsOf(failures, nowMs);
  if (restMs <= 0) return;
  throw fail(LOGIN_FAILURES_EXHAUSTED, { retrySeconds: Math.ceil(restMs / 1000) }, { retryDelayMs: restMs });
};

/** Milliseconds until failures are forgotten. Distance counts: a wall clock that was set back must not make the wait longer. */
const restMsOf = (failures: LoginFailures | undefined, nowMs: number): number =>
  failures === undefined ? 0 : LOGIN_FAILURES_WINDOW_MS - Math.abs(nowMs - failures.lastMs);
