import { fail } from "@heddle/mesh/contract";
import { PASSWORD_CHECKS_EXHAUSTED } from "./errors.ts";
import { HASHES_RETRY_DELAY_MS, HASHES_RUNNING_MAX, HASHES_WAITING_MAX } from "./limits.ts";

/** Bounds how many passwords are hashed at once, and how many calls wait for that. */
export interface HashSlots {
  /**
   * Runs `job` when it is its turn, first come first served; rejects with the signal's reason when that aborts before.
   * Throws RESOURCE_EXHAUSTED PASSWORD_CHECKS_EXHAUSTED at once when too many wait.
   */
  run<T>(job: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export const createHashSlots = (): HashSlots => {
  const waiting: (() => void)[] = [];
  let running = 0;
  const take = async (): Promise<void> => {
    if (running < HASHES_RUNNING_MAX) {
      running += 1;
      return;
    }
    if (waiting.length >= HASHES_WAITING_MAX) {
      throw fail(PASSWORD_CHECKS_EXHAUSTED, {}, { retryDelayMs: HASHES_RETRY_DELAY_MS });
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  /** Hands the slot to the next, so that nobody gets in between. */
  const release = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  return {
    async run(job, signal) {
      await take();
      try {
        // Nobody waits for the answer any more: the slot is worth more to the next.
        signal.throwIfAborted();
        return await job();
      } finally {
        release();
      }
    },
  };
};
