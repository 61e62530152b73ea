import { medians } from "./median.ts";

type Figures = Readonly<Record<string, number>>;

/**
 * Measures every contestant once per round, one after the other, so that a machine that slows down or speeds up does it to all.
 * Returns the medians of their figures.
 */
export const inRounds = async <N extends string, T extends Figures>(
  contestants: Readonly<Record<N, () => T | Promise<T>>>,
  { runs, progress }: { runs: number; progress: (line: string) => void },
): Promise<Record<N, T>> => {
  const names = Object.keys(contestants) as N[];
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<N, T[]>;
  for (let round = 1; round <= runs; round++) {
    for (const name of names) {
      const result = await contestants[name]();
      results[name].push(result);
      progress(`${round}/${runs} ${name}: ${describe(result)}`);
    }
  }
  return Object.fromEntries(names.map((name) => [name, medians(results[name])])) as Record<N, T>;
};

const describe = (figures: Figures): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${rounded(value)}`)
    .join(", ");

/** Three digits that count, or all before the point. */
export const rounded = (value: number): number =>
  Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
