export { type Clock, clockOfTurns, systemClock } from "./clock.ts";
export { createIds, type Ids } from "./ids.ts";
export { type Names, systemNames } from "./names.ts";
export {
  type Address,
  formatAddress,
  type Listener,
  type ListenOn,
  type Network,
  parseAddress,
  socketNetwork,
} from "./network.ts";
export { type Random, systemRandom } from "./random.ts";
export { type Runtime, systemRuntime } from "./runtime.ts";
export { StartError } from "./start-error.ts";
export { systemTimers, type Timer, type Timers } from "./timers.ts";
