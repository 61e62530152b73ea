import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { fail, reasons } from "../contract/fail.ts";
import { systemRandom } from "../runtime/index.ts";
import { backoffMs, failedAttempt } from "./failed-attempt.ts";
import { BACKOFF_MAX_MS } from "./limits.ts";

const error = (code: Code, options = {}) =>
  fail(reasons("shop.v1")("SOLD_OUT", code, "Nothing is left for {who}."), { who: "Ada" }, options);

test("an error is known by code and reason, and gives nothing else away", () => {
  expect(failedAttempt(error(Code.FailedPrecondition)).reason).toBe("FAILED_PRECONDITION SOLD_OUT (shop.v1)");
  expect(failedAttempt(new ConnectError("Ada is away", Code.Unavailable)).reason).toBe("UNAVAILABLE");
  expect(failedAttempt(new TypeError("Ada is undefined"))).toMatchObject({
    reason: expect.not.stringContaining("Ada"),
  });
});

describe("what says no, and what may mean anything", () => {
  const says = { no: [3, 5, 6, 7, 9, 11, 16], maybe: [1, 2, 4, 8, 10, 12, 13, 14, 15] };
  test.each(says.no)("code %i is no", (code) => expect(failedAttempt(error(code)).saysNo).toBe(true));
  test.each(says.maybe)("code %i may mean anything", (code) => expect(failedAttempt(error(code)).saysNo).toBe(false));
  test("a fault in the code may have happened after the effect", () => {
    expect(failedAttempt(new TypeError("undefined is no function")).saysNo).toBe(false);
  });
});

describe("the wait for the next attempt", () => {
  const highest = { ...systemRandom, below: (max: number) => max - 1 };
  const lowest = { ...systemRandom, below: () => 0 };
  test("doubles up to a minute, with full jitter", () => {
    const waits = [1, 2, 3, 9, 10, 1_000].map((tries) => backoffMs(tries, { retryDelayMs: 0 }, highest));
    expect(waits).toEqual([200, 400, 800, 51_200, BACKOFF_MAX_MS, BACKOFF_MAX_MS]);
    expect(backoffMs(10, { retryDelayMs: 0 }, lowest)).toBe(0);
  });

  test("is no shorter than the called service asks for, and that is bounded", () => {
    const asked = failedAttempt(error(Code.ResourceExhausted, { retryDelayMs: 700 }));
    expect(backoffMs(1, asked, lowest)).toBe(700);
    const forever = failedAttempt(error(Code.ResourceExhausted, { retryDelayMs: 10 ** 12 }));
    expect(backoffMs(1, forever, lowest)).toBe(BACKOFF_MAX_MS);
  });
});
