import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RetryBudget } from "./retry-budget.ts";

const options = { share: 0.2, perSecond: 2, windowSeconds: 5 };
const LEAST = 10;
const WINDOW_MS = 5_000;

describe("a retry budget", () => {
  test("gives a fifth of the calls, and the least of the window beside it", () => {
    const budget = new RetryBudget(options);
    for (let call = 0; call < 100; call++) budget.called(0);
    const given = Array.from({ length: 100 }, () => budget.take(10)).filter(Boolean);
    expect(given).toHaveLength(LEAST + 20);
  });

  test("gives the least to a target that is hardly called, and the same again when the window has passed", () => {
    const budget = new RetryBudget(options);
    const takeAll = (nowMs: number) => Array.from({ length: 50 }, () => budget.take(nowMs)).filter(Boolean).length;
    expect(takeAll(0)).toBe(LEAST);
    expect(takeAll(WINDOW_MS)).toBe(0);
    expect(takeAll(WINDOW_MS + 1_000)).toBe(LEAST);
  });

  test("is used by retries of others, who have not asked, but never up", () => {
    const budget = new RetryBudget(options);
    const takeAll = (nowMs: number) => Array.from({ length: 50 }, () => budget.take(nowMs)).filter(Boolean).length;
    for (let copy = 0; copy < 6; copy++) budget.repeated(0);
    expect(takeAll(0)).toBe(LEAST - 6);
    for (let copy = 0; copy < 1_000; copy++) budget.repeated(WINDOW_MS * 2);
    expect(takeAll(WINDOW_MS * 2)).toBe(2);
  });

  test("never gives more than share and least in any window, at whatever moments calls and failures come", () => {
    const event = fc.record({
      afterMs: fc.oneof(fc.constant(0), fc.nat(40), fc.nat(3_000), fc.nat(20_000)),
      calls: fc.nat(60),
      fails: fc.nat(60),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const budget = new RetryBudget(options);
        const calls: number[] = [];
        const copies: number[] = [];
        let nowMs = 0;
        for (const { afterMs, calls: made, fails } of events) {
          nowMs += afterMs;
          for (let call = 0; call < made; call++) {
            budget.called(nowMs);
            calls.push(nowMs);
          }
          for (let fail = 0; fail < fails; fail++) {
            if (!budget.take(nowMs)) continue;
            copies.push(nowMs);
            const recent = (times: number[]) => times.filter((time) => time > nowMs - WINDOW_MS).length;
            expect(recent(copies)).toBeLessThanOrEqual(LEAST + 0.2 * recent(calls));
          }
        }
      }),
      { seed: 6, numRuns: 200 },
    );
  });
});
