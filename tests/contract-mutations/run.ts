import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Category } from "../../mesh/contract/breaking/index.ts";
import { CATEGORIES, contractRules } from "../../mesh/contract/breaking/index.ts";
import type { Finding, Verdicts } from "./judge.ts";
import { bufFindings, ourFindings } from "./judge.ts";
import type { Pair } from "./mutate.ts";
import { pairOf } from "./mutate.ts";
import { loadUnits } from "./units.ts";

/** Where the two judges do not say the same of a pair. */
export interface Disagreement {
  readonly pair: Pair;
  readonly category: Category;
  readonly ours: readonly Finding[];
  readonly bufs: readonly Finding[];
}

/** What came out of a run. */
export interface Outcome {
  readonly pairs: number;
  /** Pairs that buf did not take for contracts, and that others were judged instead of. */
  readonly invalid: number;
  /** Pairs that buf finds breaking, by category. */
  readonly breaking: Record<Category, number>;
  /** Ours passes, buf refuses. */
  readonly falseAccepts: Disagreement[];
  /** Ours refuses, buf passes. */
  readonly falseRefusals: Disagreement[];
  /** Both refuse, by other rules or in other files. */
  readonly otherRules: Disagreement[];
  /** The same rules in the same files, at other lines or columns. */
  readonly otherPlaces: Disagreement[];
  /** How often buf named each rule. */
  readonly rulesSeen: ReadonlyMap<string, number>;
}

/** Pairs that buf is asked about at once: starting it costs more than judging. */
const BATCH = 100;

/** Has both judges judge `runs` pairs of contracts by the rules of all four categories. The same seed gives the same pairs. */
export const runMutations = (runs: number, seed: number): Outcome => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-contract-mutations-"));
  try {
    const units = loadUnits(folder);
    const outcome = {
      pairs: 0,
      invalid: 0,
      breaking: { FILE: 0, PACKAGE: 0, WIRE_JSON: 0, WIRE: 0 },
      falseAccepts: [] as Disagreement[],
      falseRefusals: [] as Disagreement[],
      otherRules: [] as Disagreement[],
      otherPlaces: [] as Disagreement[],
      rulesSeen: new Map<string, number>(),
    };
    for (let made = 0; outcome.pairs < runs; ) {
      const batch = Array.from({ length: Math.min(BATCH, runs - outcome.pairs) }, () => {
        made += 1;
        return pairOf(`m${String(made).padStart(5, "0")}`, seed * 1_000_003 + made, units);
      });
      const verdicts = verdictsOf(batch, folder);
      outcome.invalid += batch.length - verdicts.size;
      outcome.pairs += verdicts.size;
      for (const pair of batch) {
        const bufs = verdicts.get(pair.name);
        if (bufs === undefined) continue;
        for (const { rule } of bufs) outcome.rulesSeen.set(rule, (outcome.rulesSeen.get(rule) ?? 0) + 1);
        const ours = ourFindings(pair);
        for (const category of CATEGORIES) compare(pair, category, ours, bufs, outcome);
      }
    }
    return outcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** What buf says of the pairs that it takes for contracts, found by halves: one that is not spoils its whole batch. */
const verdictsOf = (pairs: readonly Pair[], folder: string): Verdicts => {
  const verdicts = bufFindings(pairs, folder);
  if (typeof verdicts !== "string") return verdicts;
  if (pairs.length === 1) return new Map();
  const middle = pairs.length >>> 1;
  return new Map([...verdictsOf(pairs.slice(0, middle), folder), ...verdictsOf(pairs.slice(middle), folder)]);
};

/** Compares what both say by the rules of one category. */
const compare = (
  pair: Pair,
  category: Category,
  allOurs: readonly Finding[],
  allBufs: readonly Finding[],
  outcome: Outcome,
): void => {
  const rules: ReadonlySet<string> = contractRules(category);
  const ours = allOurs.filter(({ rule }) => rules.has(rule));
  const bufs = allBufs.filter(({ rule }) => rules.has(rule));
  if (bufs.length > 0) outcome.breaking[category] += 1;
  const same = (keyOf: (finding: Finding) => string): boolean =>
    ours.map(keyOf).sort().join("\n") === bufs.map(keyOf).sort().join("\n");
  const disagreement = { pair, category, ours, bufs };
  if (ours.length === 0 && bufs.length > 0) outcome.falseAccepts.push(disagreement);
  else if (ours.length > 0 && bufs.length === 0) outcome.falseRefusals.push(disagreement);
  else if (!same(({ rule, path }) => `${rule} ${path}`)) outcome.otherRules.push(disagreement);
  else if (!same(({ rule, path, place }) => `${rule} ${path} ${place}`)) outcome.otherPlaces.push(disagreement);
};

/** The rules of the four categories that buf never named. */
export const unseenRules = ({ rulesSeen }: Outcome): string[] =>
  [...new Set(CATEGORIES.flatMap((category) => [...contractRules(category)]))]
    .filter((rule) => !rulesSeen.has(rule))
    .sort();

/** A disagreement in words, to repeat it and to see who said what. */
export const explain = ({ pair, category, ours, bufs }: Disagreement): string => {
  const line = ({ rule, path, place, message }: Finding): string => `${rule} ${path} ${place} ${message}`;
  const only = (these: readonly Finding[], those: readonly Finding[]): string[] => {
    const rest = those.map(({ rule, path, place }) => `${rule} ${path} ${place}`);
    return these
      .filter(({ rule, path, place }) => {
        const index = rest.indexOf(`${rule} ${path} ${place}`);
        if (index !== -1) rest.splice(index, 1);
        return index === -1;
      })
      .map(line);
  };
  return [
    `${pair.name} ${category}: ${pair.changes.join(", ")}`,
    ...only(ours, bufs).map((text) => `  only ours: ${text}`),
    ...only(bufs, ours).map((text) => `  only buf:  ${text}`),
  ].join("\n");
};
