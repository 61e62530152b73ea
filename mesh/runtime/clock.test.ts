import { expect, test } from "vitest";
import { clockOfTurns } from "./clock.ts";

test("a clock of turns stands still while one thing is done, and goes on with the next", async () => {
  let nowMs = 0;
  const clock = clockOfTurns({ monotonicMs: () => ++nowMs });
  expect([clock.monotonicMs(), clock.monotonicMs(), nowMs]).toEqual([1, 1, 1]);
  await Promise.resolve();
  expect([clock.monotonicMs(), clock.monotonicMs()]).toEqual([2, 2]);
});
