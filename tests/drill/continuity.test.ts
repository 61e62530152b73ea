import { expect, test } from "vitest";
import { Continuity } from "./continuity.ts";
import { newTally } from "./tally.ts";

const counted = (numbers: readonly bigint[], last?: bigint) => {
  const { streams } = newTally();
  const continuity = new Continuity(streams, last);
  for (const number of numbers) continuity.take(number);
  return { ...streams, last: continuity.last };
};

test("numbers one after the other are whole", () => {
  expect(counted([1n, 2n, 3n])).toMatchObject({ messages: 3, gaps: 0, duplicates: 0, last: 3n });
  expect(counted([8n], 7n)).toMatchObject({ gaps: 0, duplicates: 0 });
});

test("what is missing is counted, what comes again as well, and once each", () => {
  expect(counted([1n, 4n, 2n, 5n])).toMatchObject({ messages: 4, gaps: 2, duplicates: 1, last: 5n });
});
