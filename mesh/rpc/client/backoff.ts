import type { Random } from "../../runtime/index.ts";
import type { PoolLimits } from "./pool-limits.ts";

/** Each wait is this much longer than the one before (gRPC Connection Backoff Protocol). */
const FACTOR = 1.6;
/** Tenths of a percent by which a wait is longer or shorter, so that many clients do not come back as one. */
const JITTER_PERMILLE = 200;

/** Milliseconds to wait after the `failures`th failed attempt in a row. */
export const backoffMs = (failures: number, limits: PoolLimits, random: Random): number => {
  const step = failures - limits.promptAttempts - 1;
  if (step < 0) return 0;
  const waitMs = Math.min(limits.backoffStartMs * FACTOR ** step, limits.backoffMaxMs);
  return (waitMs * (1_000 - JITTER_PERMILLE + random.below(2 * JITTER_PERMILLE + 1))) / 1_000;
};
