import type { Answers } from "../answers.ts";
import type { Ledger } from "../ledger.ts";
import type { Stores } from "../stores.ts";

/** What a run left behind, from three sides that know nothing of each other. */
export interface Evidence {
  /** What clients sent and heard. */
  readonly ledger: Ledger;
  /** What the services' databases hold. */
  readonly stores: Stores;
  /** What the services say. */
  readonly answers: Answers;
}

/** One promise, and every place where it was found broken. */
export interface Check {
  /** The promise, as a sentence that a violation makes untrue. */
  readonly name: string;
  /** How many things were looked at, and what they are. */
  readonly checked: number;
  readonly unit: string;
  readonly violations: readonly string[];
}

/** A check that collects its violations as it goes. */
export const checking = (name: string, unit: string) => {
  const violations: string[] = [];
  let checked = 0;
  return {
    /** Counts one thing that is looked at. */
    look: () => void checked++,
    /** Notes `violation` unless `kept`. */
    expect(kept: boolean, violation: () => string) {
      if (!kept) violations.push(violation());
    },
    done: (): Check => ({ name, checked, unit, violations }),
  };
};

/** The items by a key that several may share. */
export const groupedBy = <T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> => Map.groupBy(items, keyOf);

/** The items by a key that is each one's own. */
export const byKey = <T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T> =>
  new Map(items.map((item) => [keyOf(item), item]));

export const sumOf = <T>(items: readonly T[], amountOf: (item: T) => bigint): bigint =>
  items.reduce((sum, item) => sum + amountOf(item), 0n);
