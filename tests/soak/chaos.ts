import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { Strike } from "./chaos-plan.ts";
import type { Processes } from "./processes.ts";

/** Does to the processes what the plan says, each strike when it is due, whatever state it meets them in. */
export const strikeAll = async (
  plan: readonly Strike[],
  processes: Processes,
  { clock, timers }: { clock: Clock; timers: Timers },
): Promise<void> => {
  const beginMs = clock.monotonicMs();
  for (const strike of plan) {
    await timers.sleep(Math.max(0, beginMs + strike.atMs - clock.monotonicMs()));
    processes.strike(strike);
  }
};
