import { expect, test } from "vitest";
import { callsOf, countCall, countFailure, failedOf, latencyMs, newTally, sumOf } from "./tally.ts";

const failure = { method: "a.v1.A/B", code: "Unavailable", reason: "GONE", message: "gone", atMs: 1 };

test("calls and failures of several clients add up, and each failure keeps what was said first", () => {
  const [one, other] = [newTally(), newTally()];
  countCall(one, "a.v1.A/B", 3);
  countCall(other, "a.v1.A/B", 5);
  countCall(other, "a.v1.A/C", undefined);
  countFailure(one, failure);
  countFailure(other, { ...failure, message: "later", atMs: 2 });
  countFailure(other, { ...failure, code: "Internal" });
  one.streams.told = 2;
  other.streams.told = 3;
  const sum = sumOf([one, other]);
  expect(sum.calls).toEqual({ "a.v1.A/B": 2, "a.v1.A/C": 1 });
  expect([callsOf(sum), failedOf(sum), sum.streams.told]).toEqual([3, 3, 5]);
  expect(Object.values(sum.failures)).toContainEqual({ ...failure, count: 2 });
  expect(failedOf(one)).toBe(1);
});

test("latencies are told to the millisecond, the longest as one", () => {
  const tally = newTally();
  expect(latencyMs(tally, 0.99)).toBe(0);
  for (let i = 0; i < 99; i++) countCall(tally, "a", 2);
  countCall(tally, "a", 60_000);
  expect([latencyMs(tally, 0.5), latencyMs(tally, 0.99), latencyMs(tally, 1)]).toEqual([2, 2, 10_000]);
});
