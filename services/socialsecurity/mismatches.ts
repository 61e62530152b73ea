import { fail } from "@heddle/mesh/contract";
import { MISMATCHES_EXHAUSTED } from "./errors.ts";

/** Wrong numbers in a row after which a record takes a rest: more than a person who misreads a card needs. */
export const MISMATCHES_MAX = 5;

/**
 * Milliseconds between wrong numbers from then on, until a right one: whoever knows the last four digits from the mask needs
 * more than a year on average for the 100,000 numbers that are left.
 */
export const MISMATCH_REST_MS = 15 * 60 * 1000;

/** Wrong numbers that were compared with a record since the last right one. */
export interface Mismatches {
  readonly count: number;
  /** Milliseconds since the epoch; 0 when there was none. */
  readonly lastMs: number;
}

export const NO_MISMATCHES: Mismatches = { count: 0, lastMs: 0 };

/** The mismatches after one more. */
export const oneMoreMismatch = ({ count }: Mismatches, nowMs: number): Mismatches => ({
  count: count + 1,
  lastMs: nowMs,
});

/** Throws RESOURCE_EXHAUSTED MISMATCHES_EXHAUSTED, with the time to wait, while a record rests. */
export const refuseWhileResting = ({ count, lastMs }: Mismatches, customerId: string, nowMs: number): void => {
  if (count < MISMATCHES_MAX) return;
  // Distance counts: a wall clock that was set back must not make the rest longer.
  const restMs = MISMATCH_REST_MS - Math.abs(nowMs - lastMs);
  if (restMs <= 0) return;
  throw fail(MISMATCHES_EXHAUSTED, { customerId, retrySeconds: Math.ceil(restMs / 1000) }, { retryDelayMs: restMs });
};
