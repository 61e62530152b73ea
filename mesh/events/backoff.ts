import type { Random } from "../runtime/index.ts";

/** Permille by which a wait is longer or shorter, so that many that failed together do not come back together. */
const JITTER_PERMILLE = 200;

/** Milliseconds to wait after the `failures`th failure in a row: `firstMs`, then each `factor` times the one before, with jitter. */
export const waitAfter = (
  failures: number,
  { firstMs, maxMs, factor }: { readonly firstMs: number; readonly maxMs: number; readonly factor: number },
  random: Random,
): number => {
  const waitMs = Math.min(firstMs * factor ** Math.min(failures - 1, 32), maxMs);
  return Math.round((waitMs * (1_000 - JITTER_PERMILLE + random.below(2 * JITTER_PERMILLE + 1))) / 1_000);
};
