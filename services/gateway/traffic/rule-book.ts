import type { Rule } from "@heddle/contracts/heddle/traffic/v1";
import { type LiveRules, liveRules } from "@heddle/mesh/policy";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { RuleStore } from "../store/rule-store.ts";

/** The traffic rules that this gateway keeps to, as its store has them. */
export interface RuleBook {
  readonly live: LiveRules;
  /** Resolves when what the store says now is in force. */
  refresh(): Promise<void>;
}

/** Goes on where the store says. */
export const openRuleBook = async (deps: {
  readonly store: Store;
  readonly rules: RuleStore;
  readonly clock: Clock;
  readonly timers: Timers;
}): Promise<RuleBook> => {
  const { store, rules, clock } = deps;
  const live = liveRules(deps);
  const read = async (): Promise<void> => {
    const inForce: Rule[] = await store.read((reader) => rules.active(reader, clock.nowMs()));
    live.replace(inForce);
  };
  await read();
  let last = Promise.resolve();
  return {
    live,
    refresh() {
      // One after the other: what was read first must not come last.
      last = last.catch(() => undefined).then(read);
      return last;
    },
  };
};
