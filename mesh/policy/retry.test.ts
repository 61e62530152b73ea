import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  decideRetry,
  type FailedAttempt,
  RETRY,
  type RetryState,
  readPreviousAttempts,
  readPushback,
} from "./retry.ts";
import { RetryBudget } from "./retry-budget.ts";

const middle = { below: (exclusiveMax: number) => exclusiveMax / 2 };
const decide = (failed: Partial<FailedAttempt>, state: Partial<RetryState> = {}) =>
  decideRetry(
    { code: Code.Unavailable, pushbackMs: undefined, retryDelayMs: undefined, isAnswered: false, ...failed },
    {
      mayRepeat: true,
      attempts: 1,
      attemptsMax: 3,
      leftMs: Number.POSITIVE_INFINITY,
      nowMs: 0,
      budget: new RetryBudget(),
      random: middle,
      ...state,
    },
  );
const exhausted = { again: false, isExhausted: true };
const final = { again: false, isExhausted: false };

describe("a failed call", () => {
  test("is sent again when it was UNAVAILABLE and may take effect twice", () => {
    expect(decide({})).toEqual({ again: true, afterMs: 25 });
    expect(decide({}, { mayRepeat: false })).toEqual(final);
  });

  test("waits twice as long each time, up to the most, and a fifth more or less", () => {
    const waits = [1, 2, 3, 7, 20].map((attempts) => decide({}, { attempts, attemptsMax: 99 }));
    expect(waits.map((wait) => wait.again && wait.afterMs)).toEqual([25, 50, 100, 1_000, 1_000]);
    expect(decide({}, { random: { below: () => 0 } })).toEqual({ again: true, afterMs: 20 });
    const most = decide({}, { random: { below: (exclusiveMax) => exclusiveMax - 1 } });
    expect(most).toEqual({ again: true, afterMs: 30 });
  });

  test.each([
    Code.Aborted,
    Code.DeadlineExceeded,
    Code.Internal,
    Code.Unknown,
    Code.DataLoss,
    Code.Canceled,
    Code.NotFound,
    Code.InvalidArgument,
    Code.FailedPrecondition,
  ])("is not sent again when its code is %s", (code) => {
    expect(decide({ code })).toEqual(final);
  });

  test("is sent again for want of room only when the target says when there will be some", () => {
    expect(decide({ code: Code.ResourceExhausted })).toEqual(final);
    expect(decide({ code: Code.ResourceExhausted, pushbackMs: 0 })).toEqual({ again: true, afterMs: 0 });
    expect(decide({ code: Code.ResourceExhausted, retryDelayMs: 100 })).toEqual({ again: true, afterMs: 110 });
  });

  test("waits as the target asks for, exactly by pushback and at least by RetryInfo", () => {
    expect(decide({ pushbackMs: 7, retryDelayMs: 900 })).toEqual({ again: true, afterMs: 7 });
    expect(decide({ retryDelayMs: 900 })).toEqual({ again: true, afterMs: 990 });
    expect(decide({ retryDelayMs: 1 })).toEqual({ again: true, afterMs: 25 });
    expect(decide({ retryDelayMs: RETRY.waitMaxMs + 1 })).toEqual(exhausted);
  });

  test("is not sent again when the target says never, and nobody above sends it again either", () => {
    expect(decide({ pushbackMs: -1 })).toEqual(exhausted);
    expect(decide({ pushbackMs: -1, code: Code.Internal }, { mayRepeat: false })).toEqual(exhausted);
  });

  test("is not sent again once the response has begun, or after the last attempt", () => {
    expect(decide({ isAnswered: true })).toEqual(exhausted);
    expect(decide({}, { attempts: 3 })).toEqual(exhausted);
  });

  test("is not sent again when the wait would outlast its deadline", () => {
    expect(decide({}, { leftMs: 25 })).toEqual(exhausted);
    expect(decide({}, { leftMs: 26 })).toEqual({ again: true, afterMs: 25 });
  });

  test("is not sent again when the budget is empty, and takes from it only when all else lets it", () => {
    const budget = new RetryBudget({ share: 0, perSecond: 1, windowSeconds: 1 });
    decide({ code: Code.Internal }, { budget });
    decide({}, { budget, leftMs: 0 });
    expect(decide({}, { budget })).toEqual({ again: true, afterMs: 25 });
    expect(decide({}, { budget })).toEqual(exhausted);
  });
});

test("a pushback that is no number means never", () => {
  expect(["0", "15", "-1", "", "soon", "1e3", "99999999999"].map(readPushback)).toEqual([0, 15, -1, -1, -1, -1, -1]);
  expect([null, undefined].map(readPushback)).toEqual([undefined, undefined]);
});

test("previous attempts that are no number are none", () => {
  expect(["2", "-1", "x", "", null, undefined].map(readPreviousAttempts)).toEqual([2, 0, 0, 0, 0, 0]);
});
