import { expect, test } from "vitest";
import { createRestartBackoff } from "./restart-backoff.ts";

test("the wait doubles from 100 ms up to 5 s", () => {
  const backoff = createRestartBackoff();
  expect(Array.from({ length: 8 }, () => backoff.nextDelayMs(50))).toEqual([
    100, 200, 400, 800, 1600, 3200, 5000, 5000,
  ]);
});

test("a child that ran for 10 s starts from 100 ms again", () => {
  const backoff = createRestartBackoff();
  backoff.nextDelayMs(1);
  backoff.nextDelayMs(1);
  expect(backoff.nextDelayMs(10_000)).toBe(100);
});
