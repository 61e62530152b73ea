import type { Runtime } from "../runtime/index.ts";

/** How long whoever has lost the registry waits before it tries again. */
export interface Return {
  /** Milliseconds until the next try. */
  nextMs(): number;
  /** It answers: the next loss is a new one. */
  reached(): void;
  /** True when it is away for so long that tries go at their slowest. */
  readonly isLong: boolean;
}

/**
 * Milliseconds between tries to reach a registry that is away: at once at first, for one that drains says goodbye to all and another
 * takes over its port, then more and more slowly, though never so slow that a mesh is not whole within a second.
 */
const RETRY_MS_MIN = 25;
const RETRY_MS_MAX = 1_000;
/** Percent of each wait that chance takes off, so that a thousand do not come as one. */
const JITTER_PERCENT = 40;

export const createReturn = ({ random }: Pick<Runtime, "random">): Return => {
  let delayMs = RETRY_MS_MIN;
  return {
    nextMs() {
      const waitMs = delayMs;
      delayMs = Math.min(delayMs * 2, RETRY_MS_MAX);
      return (waitMs * (100 - random.below(JITTER_PERCENT + 1))) / 100;
    },
    reached() {
      delayMs = RETRY_MS_MIN;
    },
    get isLong() {
      return delayMs >= RETRY_MS_MAX;
    },
  };
};
