import { expect, test } from "vitest";
import { GONE_LOOKS } from "./limits.ts";
import { goneOf, type Sighting, sighted } from "./sightings.ts";

const look = (before: ReadonlyMap<string, Sighting>, ...beats: readonly (readonly [string, string | undefined])[]) =>
  sighted(before, new Map(beats));

test("one whose beat stands still for as many looks as it may is gone, and no look earlier", () => {
  let seen = look(new Map(), ["a", "1"]);
  for (let count = 1; count < GONE_LOOKS; count++) {
    seen = look(seen, ["a", "1"]);
    expect(goneOf(seen)).toEqual([]);
  }
  expect(goneOf(look(seen, ["a", "1"]))).toEqual(["a"]);
});

test("any change counts as a sign of life, whatever it says", () => {
  let seen = look(new Map(), ["a", "7"]);
  for (let count = 0; count < 3 * GONE_LOOKS; count++) {
    seen = look(seen, ["a", String(count % 2)]);
    expect(goneOf(seen)).toEqual([]);
  }
});

test("one that never gives a sign is gone as well, and one that left is not spoken of", () => {
  let seen = look(new Map(), ["a", undefined], ["b", "1"]);
  for (let count = 0; count < GONE_LOOKS; count++) seen = look(seen, ["a", undefined]);
  expect(goneOf(seen)).toEqual(["a"]);
  expect(seen.has("b")).toBe(false);
});
