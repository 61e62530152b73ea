import type { Timers } from "@heddle/mesh/runtime";

/**
 * Milliseconds after the start in which a service that nobody has named yet may exist: instances come back within 2 seconds, those
 * that start meanwhile need some more. UNIMPLEMENTED would tell callers never to try again.
 */
export const LEARNING_MS = 10_000;

/** True while the gateway is so new that instances may not have found it yet. */
export type Learning = () => boolean;

export const createLearning = (timers: Timers): Learning => {
  let learning = true;
  timers.after(LEARNING_MS, () => {
    learning = false;
  });
  return () => learning;
};
