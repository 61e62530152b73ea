import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { Strike } from "./chaos-plan.ts";
import type { Processes } from "./processes.ts";

/** Services that are down at a time at most: a mesh of which nothing runs breaks no promise, and keeps none. */
const DOWN_MAX = 2;
/** Milliseconds between looks whether enough services are back. */
const LOOK_EVERY_MS = 25;

/**
 * Does to the processes what the plan says, each strike when it is due, in the order of the plan. One that ends a process waits
 * while too many are down, and those after it wait with it: a slow machine gets less far in the plan, and does the same.
 */
export const strikeAll = async (
  plan: readonly Strike[],
  processes: Processes,
  { seconds, clock, timers }: { seconds: number; clock: Clock; timers: Timers },
): Promise<void> => {
  const beginMs = clock.monotonicMs();
  const leftMs = () => beginMs + seconds * 1_000 - clock.monotonicMs();
  const down = () => processes.services.length - processes.ready().length;
  for (const strike of plan) {
    await timers.sleep(Math.max(0, beginMs + strike.atMs - clock.monotonicMs()));
    while (strike.kind !== "stop" && down() >= DOWN_MAX && leftMs() > 0) await timers.sleep(LOOK_EVERY_MS);
    if (leftMs() <= 0) return;
    processes.strike(strike);
  }
  await timers.sleep(Math.max(0, leftMs()));
};
