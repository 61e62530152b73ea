import fc from "fast-check";
import { expect, test } from "vitest";
import { FairShares, waterLevel } from "./fair-shares.ts";
import { ACCOUNTS_MAX } from "./limits.ts";

test("the level fills what there is, and no more", () => {
  const demands = fc.array(fc.double({ min: 0.1, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(demands, fc.double({ min: 0, max: 1e5, noNaN: true }), (wanted, capacity) => {
      const level = waterLevel(wanted, capacity);
      const given = wanted.reduce((sum, demand) => sum + Math.min(demand, level), 0);
      const all = wanted.reduce((sum, demand) => sum + demand, 0);
      expect(given).toBeCloseTo(Math.min(capacity, all), 3);
    }),
  );
});

test("what somebody leaves over goes to the others", () => {
  expect(waterLevel([10, 100, 100], 110)).toBe(50);
  expect(waterLevel([10, 20], 30)).toBe(Number.POSITIVE_INFINITY);
  expect(waterLevel([], 0)).toBe(Number.POSITIVE_INFINITY);
  expect(waterLevel([5, 5], 0)).toBe(0);
});

test("a higher rank is served before a lower one", () => {
  const shares = new FairShares(2);
  const ask = () => {
    for (let calls = 0; calls < 80; calls++) shares.asks(0, "a");
    for (let calls = 0; calls < 80; calls++) shares.asks(1, "a");
  };
  ask();
  shares.reckon(100, 1);
  expect([shares.asks(0, "a").share, shares.asks(1, "a").share]).toEqual([1, 0.25]);
  expect(shares.asks(1, "newcomer").share).toBe(1);
  shares.reckon(0, 1);
  expect(shares.asks(0, "newcomer").share).toBe(0);
});

test("who calls no more is forgotten, and with the overload everybody", () => {
  const shares = new FairShares(1);
  for (const name of ["a", "b"]) shares.asks(0, name);
  expect(shares.size).toBe(2);
  for (let times = 0; times < 3; times++) shares.reckon(1, 1);
  expect(shares.size).toBe(0);
  shares.asks(0, "a");
  shares.clear();
  expect(shares.size).toBe(0);
});

test("those beyond the bound have one account together", () => {
  const shares = new FairShares(1);
  for (let caller = 0; caller < ACCOUNTS_MAX + 100; caller++) shares.asks(0, `address ${caller}`);
  expect(shares.size).toBe(ACCOUNTS_MAX + 1);
  expect(shares.asks(0, "x")).toBe(shares.asks(0, "y"));
});
