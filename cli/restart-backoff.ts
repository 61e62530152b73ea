/** How a crashed child is brought back: 100 ms, doubled up to 5 s, and from the start again after 10 s of running. */
export const RESTART = {
  firstDelayMs: 100,
  delayMaxMs: 5_000,
  steadyAfterMs: 10_000,
  /** Failures in a row, without ever having been ready, after which the child is given up. */
  startFailuresMax: 5,
} as const;

/** Counts the failures of one child and says how long to wait before the next start. Pure. */
export interface RestartBackoff {
  /** To be called when the child has ended; `ranMs` is how long it ran. Returns the wait in milliseconds. */
  nextDelayMs(ranMs: number): number;
}

/** A backoff that has seen no failure yet. */
export const createRestartBackoff = (): RestartBackoff => {
  let failures = 0;
  return {
    nextDelayMs(ranMs) {
      if (ranMs >= RESTART.steadyAfterMs) failures = 0;
      return Math.min(RESTART.firstDelayMs * 2 ** failures++, RESTART.delayMaxMs);
    },
  };
};
