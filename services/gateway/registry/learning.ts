import type { Timers } from "@heddle/mesh/runtime";

/**
 * Milliseconds after the start in which a service that nobody has named yet may exist: instances come back within 2 seconds, those
 * that start meanwhile need some more. UNIMPLEMENTED would tell callers never to try again.
 */
export const LEARNING_MS = 10_000;

/** True while the gateway is so new that instances may not have found it yet. */
export interface Learning {
  (): boolean;
  /** Calls `done` when that is over, unless the returned function is called before. Not when it is over already. */
  onEnd(done: () => void): () => void;
}

export const createLearning = (timers: Timers): Learning => {
  let learning = true;
  const waiting = new Set<() => void>();
  timers.after(LEARNING_MS, () => {
    learning = false;
    for (const done of waiting) done();
    waiting.clear();
  });
  const onEnd = (done: () => void) => {
    if (learning) waiting.add(done);
    return () => void waiting.delete(done);
  };
  return Object.assign(() => learning, { onEnd });
};
