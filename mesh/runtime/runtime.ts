import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";
import type { Ids } from "./ids.ts";
import { createIds } from "./ids.ts";
import type { Network } from "./network.ts";
import { socketNetwork } from "./network.ts";
import type { Random } from "./random.ts";
import { systemRandom } from "./random.ts";
import type { Timers } from "./timers.ts";
import { systemTimers } from "./timers.ts";

/**
 * Everything that a deterministic program may not decide by itself: time, waiting, chance, identity and the network.
 * A simulator replays a run by handing in another Runtime.
 */
export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly ids: Ids;
  readonly network: Network;
}

/** The Runtime of a real process. */
export const systemRuntime = (): Runtime => ({
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  ids: createIds({ clock: systemClock, random: systemRandom }),
  network: socketNetwork,
});
