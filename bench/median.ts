/** The middle value. */
export const median = (values: readonly number[]): number =>
  percentile(
    values.toSorted((a, b) => a - b),
    50,
  );

/** The value that `percent` in 100 of the sorted values do not exceed. */
export const percentile = (sorted: readonly number[], percent: number): number =>
  sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;

/** The median of each figure on its own. */
export const medians = <T extends Readonly<Record<string, number>>>(results: readonly T[]): T =>
  Object.fromEntries(
    Object.keys(results[0] ?? {}).map((key) => [key, median(results.map((result) => result[key] ?? Number.NaN))]),
  ) as T;
