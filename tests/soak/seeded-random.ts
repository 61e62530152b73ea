import { createHash } from "node:crypto";

/** Chance that a seed repeats. */
export interface SeededRandom {
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  /** True in one of `count` cases. */
  oneIn(count: number): boolean;
  /** One of them. */
  pick<T>(choices: readonly [T, ...T[]]): T;
}

/** A stream of chance of its own for each `name`: what one part draws never moves what another gets (mulberry32). */
export const seededRandom = (seed: number, name: string): SeededRandom => {
  let state = createHash("sha256").update(`${seed}:${name}`).digest().readUInt32BE(0);
  const fraction = (): number => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number): number => least + Math.floor(fraction() * (most - least + 1));
  return {
    between,
    oneIn: (count) => between(1, count) === 1,
    pick: (choices) => choices[between(0, choices.length - 1)] ?? choices[0],
  };
};

/** The request id of one request of a run: a UUID (RFC 9562, version 8) made from the seed and what the request is for. */
export const seededUuid = (seed: number, name: string): string => {
  const bytes = createHash("sha256").update(`${seed}:${name}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
