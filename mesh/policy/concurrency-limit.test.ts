import { expect, test } from "vitest";
import { ConcurrencyLimit } from "./concurrency-limit.ts";

test("a concurrency limit lets in as many as may run, and one more for each that has left", () => {
  const limit = new ConcurrencyLimit(2);
  expect([limit.enter(), limit.enter(), limit.enter(), limit.running]).toEqual([true, true, false, 2]);
  limit.leave();
  expect([limit.enter(), limit.enter()]).toEqual([true, false]);
  limit.leave();
  limit.leave();
  expect(limit.running).toBe(0);
});

test("a concurrency limit that is left too often, or lets nothing run, is a mistake that is told", () => {
  expect(() => new ConcurrencyLimit(1).leave()).toThrow("left");
  expect(() => new ConcurrencyLimit(0)).toThrow(TypeError);
});
