/** Chance that a seed repeats. */
export interface Chance {
  /** A whole number, 0 ≤ n < `max`. */
  below(max: number): number;
  /** True once in `times`. */
  once(times: number): boolean;
  pick<T>(among: readonly T[]): T | undefined;
}

/** Chance from a seed (mulberry32). */
export const chanceOf = (seed: number): Chance => {
  let state = seed >>> 0;
  const below = (max: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * max);
  };
  return { below, once: (times) => below(times) === 0, pick: (among) => among[below(among.length)] };
};
