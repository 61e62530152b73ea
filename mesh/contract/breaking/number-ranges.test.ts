import { expect, test } from "vitest";
import { holds, merged, missing, rangesText } from "./number-ranges.ts";

test("ranges that touch or overlap are one", () => {
  const ranges = [
    { start: 8, end: 9 },
    { start: 1, end: 3 },
    { start: 4, end: 4 },
    { start: 2, end: 5 },
  ];
  expect(merged(ranges)).toEqual([
    { start: 1, end: 5 },
    { start: 8, end: 9 },
  ]);
});

test("what of a range is not held is found between, before and after", () => {
  const held = merged([
    { start: 3, end: 4 },
    { start: 7, end: 8 },
    { start: 20, end: 30 },
  ]);
  expect(rangesText(missing({ start: 1, end: 10 }, held), 100)).toBe("1 to 2, 5 to 6, 9 to 10");
  expect(missing({ start: 3, end: 4 }, held)).toEqual([]);
  expect(missing({ start: 22, end: 23 }, held)).toEqual([]);
  expect(rangesText(missing({ start: 31, end: 100 }, held), 100)).toBe("31 to max");
  expect(rangesText(missing({ start: 5, end: 5 }, []), 100)).toBe("5");
});

test("a number is held by the range that it is in", () => {
  const held = merged([
    { start: -3, end: -1 },
    { start: 5, end: 5 },
  ]);
  expect([-4, -3, -1, 0, 5, 6].filter((number) => holds(held, number))).toEqual([-3, -1, 5]);
});
