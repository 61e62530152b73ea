import { readFileSync, writeFileSync } from "node:fs";
import { type Row, ratioOf } from "./row.ts";

/** A row as `results.json` keeps it. */
export interface Result extends Row {
  readonly workload: string;
  /** The day, the machine, the versions and the rounds that it is true of. */
  readonly conditions: string;
  /** Ours for one of each peer's that is not 0. */
  readonly ratio: Readonly<Record<string, number>>;
}

const FILE = new URL("./results.json", import.meta.url);

/** What was measured before. */
export const readResults = (): readonly Result[] => JSON.parse(readFileSync(FILE, "utf8"));

export const writeResults = (results: readonly Result[]): void =>
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);

/** The results with a workload's rows in the place of those that it had; in the order of `workloads`, without those of any other. */
export const withRows = (
  results: readonly Result[],
  { workload, conditions, rows }: { workload: string; conditions: string; rows: readonly Row[] },
  workloads: readonly string[],
): readonly Result[] => {
  const own = rows.map((row) => ({ workload, ...row, ratio: ratios(row), conditions }));
  const others = results.filter((result) => result.workload !== workload);
  const all = [...others, ...own];
  return workloads.flatMap((name) => all.filter((result) => result.workload === name));
};

const ratios = ({ ours, peers }: Row): Record<string, number> =>
  Object.fromEntries(
    Object.entries(peers).flatMap(([peer, value]) => {
      const ratio = ratioOf(ours, value);
      return ratio === undefined ? [] : [[peer, Math.round(ratio * 1000) / 1000]];
    }),
  );
