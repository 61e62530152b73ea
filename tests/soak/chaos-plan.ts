import { seededRandom } from "./seeded-random.ts";

/** What is done to a service: `kill` is SIGKILL, `stop` is SIGSTOP and later SIGCONT, `restart` is SIGTERM. */
export type StrikeKind = "kill" | "stop" | "restart";

export interface Strike {
  /** Milliseconds from the beginning of the chaos. */
  readonly atMs: number;
  readonly service: string;
  readonly kind: StrikeKind;
  /** Milliseconds that the service is stopped for, or down before it is started again. */
  readonly forMs: number;
}

/** Milliseconds from one strike to the next: about 240 in a minute. */
const GAP_MS = [100, 400] as const;
const STOPPED_MS = [200, 600] as const;
/** One stop of so many is long enough for others to wonder. */
const LONG_STOP_ONE_IN = 6;
const STOPPED_LONG_MS = [1_000, 3_000] as const;
const DOWN_MS = [0, 500] as const;
/** One strike of so many hits the gateway, through which every call goes. */
const GATEWAY_ONE_IN = 16;

/** What will be done to whom and when: the same for the same seed, seconds and services. */
export const chaosPlan = (seed: number, seconds: number, services: readonly string[]): Strike[] => {
  const random = seededRandom(seed, "chaos");
  const [first, ...others] = services.filter((service) => service !== "gateway");
  if (first === undefined) throw new RangeError("chaos needs a service beside the gateway");
  const strikes: Strike[] = [];
  for (let atMs = random.between(...GAP_MS); atMs < seconds * 1_000; atMs += random.between(...GAP_MS)) {
    const kind = random.pick<StrikeKind>(["kill", "kill", "kill", "stop", "stop", "stop", "restart"]);
    const service = random.oneIn(GATEWAY_ONE_IN) ? "gateway" : random.pick([first, ...others]);
    const stoppedMs = random.oneIn(LONG_STOP_ONE_IN) ? STOPPED_LONG_MS : STOPPED_MS;
    const [leastMs, mostMs] = kind === "stop" ? stoppedMs : DOWN_MS;
    const forMs = random.between(leastMs, mostMs);
    strikes.push({ atMs, service, kind, forMs });
  }
  return strikes;
};
