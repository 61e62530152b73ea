import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { MISMATCH_REST_MS, MISMATCHES_MAX, NO_MISMATCHES, oneMoreMismatch, refuseWhileResting } from "./mismatches.ts";

const exhausted = Array.from({ length: MISMATCHES_MAX }).reduce<typeof NO_MISMATCHES>(
  (mismatches) => oneMoreMismatch(mismatches, 1_000),
  NO_MISMATCHES,
);
const refusedAt = (nowMs: number) => expectFailure((async () => refuseWhileResting(exhausted, "cus_1", nowMs))());

test("one wrong number fewer than the most is let through", () => {
  const fewer = { count: MISMATCHES_MAX - 1, lastMs: 1_000 };
  expect(() => refuseWhileResting(fewer, "cus_1", 1_000)).not.toThrow();
});

test("the refusal tells how long to wait", async () => {
  expect(await refusedAt(1_000 + MISMATCH_REST_MS - 2_500)).toMatchObject({
    code: "ResourceExhausted",
    reason: "MISMATCHES_EXHAUSTED",
    metadata: { customerId: "cus_1", retrySeconds: "3" },
    retryable: true,
  });
});

test("the rest is over on the millisecond", () => {
  expect(() => refuseWhileResting(exhausted, "cus_1", 1_000 + MISMATCH_REST_MS)).not.toThrow();
});

test("a clock that was set back makes no rest longer", async () => {
  expect((await refusedAt(0)).metadata).toMatchObject({ retrySeconds: String(MISMATCH_REST_MS / 1_000 - 1) });
  // A mismatch from a clock that ran far ahead lets the record rest no longer than any other.
  expect(() => refuseWhileResting(exhausted, "cus_1", 1_000 - MISMATCH_REST_MS)).not.toThrow();
});
