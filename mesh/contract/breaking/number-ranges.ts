/** Numbers from `start` to `end`, both included. */
export interface NumberRange {
  readonly start: number;
  readonly end: number;
}

/** The largest number of a field, of a field of a message set, and of an enum value. */
export const FIELD_NUMBER_MAX = 2 ** 29 - 1;
export const MESSAGE_SET_NUMBER_MAX = 2 ** 31 - 2;
export const ENUM_NUMBER_MAX = 2 ** 31 - 1;

/** The ranges of a message are written with an end that is not part of them, those of an enum with one that is. */
export const inclusive = (ranges: readonly NumberRange[]): NumberRange[] =>
  ranges.map(({ start, end }) => ({ start, end: end - 1 }));

/** The same numbers in as few ranges as possible, in order. */
export const merged = (ranges: readonly NumberRange[]): NumberRange[] => {
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end + 1) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
};

/** The parts of a range that merged ranges do not hold. */
export const missing = (range: NumberRange, held: readonly NumberRange[]): NumberRange[] => {
  const parts: NumberRange[] = [];
  let { start } = range;
  for (let index = firstFrom(held, start); index < held.length && start <= range.end; index += 1) {
    const next = held[index] as NumberRange;
    if (next.start > range.end) break;
    if (start < next.start) parts.push({ start, end: next.start - 1 });
    start = next.end + 1;
  }
  if (start <= range.end) parts.push({ start, end: range.end });
  return parts;
};

/** Whether merged ranges hold a number. */
export const holds = (held: readonly NumberRange[], number: number): boolean => {
  const range = held[firstFrom(held, number)];
  return range !== undefined && range.start <= number;
};

/** Ranges as proto text has them: `1, 5 to 8, 100 to max`. */
export const rangesText = (ranges: readonly NumberRange[], numberMax: number): string =>
  ranges
    .map(({ start, end }) => (start === end ? `${start}` : `${start} to ${end === numberMax ? "max" : end}`))
    .join(", ");

/** The index of the first range that ends at `number` or after it. A search by halves: a set may hold 100,000 ranges. */
const firstFrom = (held: readonly NumberRange[], number: number): number => {
  let low = 0;
  let high = held.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((held[middle] as NumberRange).end >= number) high = middle;
    else low = middle + 1;
  }
  return low;
};
