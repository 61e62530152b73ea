import { GONE_LOOKS } from "./limits.ts";

/** What one replica has seen of another. */
export interface Sighting {
  /** Its last sign of life; undefined where it has given none. */
  readonly beat: string | undefined;
  /** Looks in a row that found the same. */
  readonly unchanged: number;
}

/**
 * What is known after one look more. `beats`: the present sign of life of each that is said to be there. It is no time that is compared
 * but whether something has changed while this process itself was awake to look: no clock that jumps makes anybody gone.
 */
export const sighted = (
  before: ReadonlyMap<string, Sighting>,
  beats: ReadonlyMap<string, string | undefined>,
): Map<string, Sighting> =>
  new Map(
    Array.from(beats, ([id, beat]) => {
      const known = before.get(id);
      return [id, { beat, unchanged: known !== undefined && known.beat === beat ? known.unchanged + 1 : 0 }];
    }),
  );

/** Those that have given no sign of life for too long. */
export const goneOf = (sightings: ReadonlyMap<string, Sighting>): string[] =>
  [...sightings].filter(([, { unchanged }]) => unchanged >= GONE_LOOKS).map(([id]) => id);
