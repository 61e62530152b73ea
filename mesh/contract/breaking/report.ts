import type { ContractTree } from "./contract-tree.ts";
import type { Place } from "./source-location.ts";

/** What a rule has to say about one element. */
export interface Change {
  /** Full name of what changed, of a file its path: `order.v1.Order.total`. */
  readonly element: string;
  /** What it was and is, in a few words of proto text. `after` is empty when it is gone. */
  readonly before: string;
  readonly after: string;
  /** A sentence that says it to the contract's owner. */
  readonly message: string;
  readonly place: Place;
}

export type Report = (change: Change) => void;

/** Both sides whole, for rules that must look a type up. */
export interface Trees {
  readonly before: ContractTree;
  readonly after: ContractTree;
}

/** Judges an element that both sides have. */
export type PairRule<N> = (before: N, after: N, report: Report, trees: Trees) => void;

/** Judges both sides as a whole. */
export type TreeRule = (before: ContractTree, after: ContractTree, report: Report) => void;

/** A value as a sentence shows it. */
export const quoted = (value: unknown): string => JSON.stringify(String(value));
