import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Rule } from "@heddle/contracts/heddle/traffic/v1";
import type { Clock, Timer, Timers } from "../runtime/index.ts";
import { compileRules, type TrafficRules } from "./traffic-rules.ts";

/** The traffic rules in force, as time goes by: what has an end ends, also where nobody can be heard any more who would say so. */
export interface LiveRules {
  /** As of now. */
  readonly rules: TrafficRules;
  /** Grows with each change: what was found out by the rules before may no longer hold. */
  readonly version: number;
  /** Puts these in force, oldest first, in place of those before. */
  replace(rules: readonly Rule[]): void;
  /** Those in force, oldest first. */
  list(): readonly Rule[];
  /** Calls `changed` at each change until the returned function is called. */
  watch(changed: () => void): () => void;
  /** Waits for no end any more. */
  stop(): void;
}

export const liveRules = ({ clock, timers }: { readonly clock: Clock; readonly timers: Timers }): LiveRules => {
  let inForce: readonly Rule[] = [];
  let rules = compileRules(inForce);
  let version = 0;
  let timer: Timer | undefined;
  const watchers = new Set<() => void>();

  const put = (given: readonly Rule[]): void => {
    timer?.cancel();
    const nowMs = clock.nowMs();
    inForce = given.filter((rule) => endMs(rule) > nowMs);
    rules = compileRules(inForce);
    version++;
    const nextMs = Math.min(...inForce.map(endMs));
    // The wall clock may jump meanwhile: whoever is still in force then waits on.
    timer = Number.isFinite(nextMs) ? timers.after(nextMs - nowMs, () => put(inForce)) : undefined;
    for (const changed of [...watchers]) changed();
  };
  return {
    get rules() {
      return rules;
    },
    get version() {
      return version;
    },
    replace: put,
    list: () => inForce,
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    stop: () => timer?.cancel(),
  };
};

const endMs = ({ expireTime }: Rule): number =>
  expireTime === undefined ? Number.POSITIVE_INFINITY : timestampMs(expireTime);
