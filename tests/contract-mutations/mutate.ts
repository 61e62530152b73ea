import type { Chance } from "./chance.ts";
import { chanceOf } from "./chance.ts";
import { messagesOf, regroup } from "./declared.ts";
import { FIELD_OPTION_MUTATIONS } from "./mutate-field-options.ts";
import { FIELD_MUTATIONS } from "./mutate-fields.ts";
import { FILE_MUTATIONS } from "./mutate-files.ts";
import { TYPE_MUTATIONS } from "./mutate-types.ts";
import { addSourceInfo } from "./source-info.ts";
import type { Unit } from "./units.ts";
import { cloneOf, copyOf } from "./units.ts";

/** Changes a unit in one way. False when there was nothing to change. */
export type Mutation = (unit: Unit, chance: Chance) => boolean;

const MUTATIONS: Record<string, Mutation> = {
  ...FIELD_MUTATIONS,
  ...FIELD_OPTION_MUTATIONS,
  ...TYPE_MUTATIONS,
  ...FILE_MUTATIONS,
};

/** A contract before and after some changes. */
export interface Pair {
  /** Starts the names of all its files and packages: `m0042`. */
  readonly name: string;
  readonly changes: readonly string[];
  readonly before: Unit;
  readonly after: Unit;
}

/** The pair of a seed: one to four changes, some of them undone instead, so that what they add is seen to go. */
export const pairOf = (name: string, seed: number, units: readonly Unit[]): Pair => {
  const chance = chanceOf(seed);
  const unit = chance.pick(units);
  if (unit === undefined) throw new Error("There is no contract to mutate.");
  const before = copyOf(unit, name);
  const after = cloneOf(before);
  const changes: string[] = [];
  const count = 1 + chance.below(2) * chance.below(4);
  const names = Object.keys(MUTATIONS);
  for (let tries = 0; changes.length < count && tries < 100; tries += 1) {
    const change = chance.pick(names) ?? "";
    if (MUTATIONS[change]?.(after, chance)) changes.push(change);
  }
  for (const { proto } of messagesOf(after.files)) regroup(proto);
  const isUndone = chance.once(3);
  const pair = isUndone ? { before: after, after: before } : { before, after };
  // The whole of it, none, or with gaps: a place that is not recorded has another that stands for it.
  const kept = chance.pick([1, 1, 0.7, 0]) ?? 1;
  for (const { files } of [pair.before, pair.after]) for (const file of files) addSourceInfo(file, chance, kept);
  return { name, changes: isUndone ? [...changes, "and undo it"] : changes, ...pair };
};
