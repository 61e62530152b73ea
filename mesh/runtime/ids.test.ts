import { expect, test } from "vitest";
import { systemClock } from "./clock.ts";
import { createIds } from "./ids.ts";
import { systemRandom } from "./random.ts";

const clockAt = (times: number[]) => {
  let last = 0;
  return { ...systemClock, nowMs: () => (last = times.shift() ?? last) };
};

test("an id is its prefix and 26 characters of lower-case Crockford base32", () => {
  const ids = createIds({ clock: systemClock, random: systemRandom });
  for (let i = 0; i < 1_000; i++) expect(ids.next("cus")).toMatch(/^cus_[0-9a-hjkmnp-tv-z]{26}$/);
});

test("ids sort in the order in which they were made, also within one millisecond", () => {
  const ids = createIds({ clock: clockAt([1_000]), random: systemRandom });
  const made = Array.from({ length: 5_000 }, () => ids.next("a"));
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made).size).toBe(made.length);
});

test("ids go on sorting when the wall clock goes back", () => {
  const ids = createIds({ clock: clockAt([5_000, 4_000, 4_001, 1, 5_001]), random: systemRandom });
  const made = Array.from({ length: 5 }, () => ids.next("a"));
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made).size).toBe(5);
});

test("counting up within one millisecond carries over every digit", () => {
  const ids = createIds({
    clock: clockAt([1]),
    random: { ...systemRandom, bytes: (count) => new Uint8Array(count).fill(31) },
  });
  const chance = () => ids.next("a").slice(12);
  expect(chance()).toBe(`f${"z".repeat(15)}`);
  expect(chance()).toBe(`g${"0".repeat(15)}`);
});

test("the first ten characters hold the time", () => {
  const ids = createIds({ clock: clockAt([0, 32, 2 ** 48 - 1]), random: systemRandom });
  const times = [ids.next("a"), ids.next("a"), ids.next("a")].map((id) => id.slice(2, 12));
  expect(times).toEqual(["0000000000", "0000000010", "7zzzzzzzzz"]);
});

test("a seed repeats the ids", () => {
  const make = () => {
    let byte = 7;
    const bytes = (count: number) => Uint8Array.from({ length: count }, () => (byte = (byte * 31 + 11) & 255));
    const ids = createIds({ clock: clockAt([1, 2, 3]), random: { ...systemRandom, bytes } });
    return [ids.next("a"), ids.next("b"), ids.uuid()];
  };
  expect(make()).toEqual(make());
});

test("a uuid is one of version 4 and variant 10", () => {
  const ids = createIds({ clock: systemClock, random: systemRandom });
  const made = Array.from({ length: 200 }, () => ids.uuid());
  for (const uuid of made)
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(made).size).toBe(200);
});
