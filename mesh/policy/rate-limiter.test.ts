import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../testing/index.ts";
import { rateLimiter } from "./rate-limiter.ts";

const start = (bucketsMax = 100) => {
  const clock = fakeClock();
  return { clock, limiter: rateLimiter({ clock, bucketsMax }) };
};

describe("a rate limiter", () => {
  test("lets a burst pass at once, and then as many as the rate allows", () => {
    const { clock, limiter } = start();
    const calls = limiter.of("a", { callsPerSecond: 2, burst: 3 });
    expect([calls.take(), calls.take(), calls.take(), calls.take()]).toEqual([0, 0, 0, 500]);
    clock.advance(499);
    expect(calls.take()).toBe(1);
    clock.advance(1);
    expect([calls.take(), calls.take()]).toEqual([0, 500]);
    clock.advance(60_000);
    expect([calls.take(), calls.take(), calls.take(), calls.take()]).toEqual([0, 0, 0, 500]);
  });

  test("counts callers apart, and the same caller together wherever it is asked for", () => {
    const { limiter } = start();
    const limit = { callsPerSecond: 1, burst: 1 };
    expect(limiter.of("a", limit).take()).toBe(0);
    expect(limiter.of("b", limit).take()).toBe(0);
    expect(limiter.of("a", limit).take()).toBe(1_000);
  });

  test("begins anew when the contract has set another limit", () => {
    const { limiter } = start();
    const calls = limiter.of("a", { callsPerSecond: 1, burst: 1 });
    calls.take();
    expect(calls.take()).toBe(1_000);
    expect(limiter.of("a", { callsPerSecond: 4, burst: 1 }).take()).toBe(0);
    expect(limiter.of("a", { callsPerSecond: 4, burst: 1 }).take()).toBe(250);
  });

  test("remembers a bounded number of callers, and forgets those first that have not called for long", () => {
    const { clock, limiter } = start(20);
    const limit = { callsPerSecond: 1, burst: 2 };
    const busy = limiter.of("busy", limit);
    busy.take();
    busy.take();
    for (let index = 0; index < 500; index++) limiter.of(`idle ${index}`, limit);
    expect(limiter.size).toBeLessThanOrEqual(20);
    expect(limiter.of("busy", limit).take()).toBe(1_000);
    clock.advance(10_000);
    for (let index = 0; index < 500; index++) limiter.of(`other ${index}`, limit);
    // Forgotten, it is one bucket all the same.
    expect([busy.take(), limiter.of("busy", limit).take(), busy.take()]).toEqual([0, 0, 1_000]);
  });

  test("stays within its bound when every caller is busy", () => {
    const { limiter } = start(20);
    for (let index = 0; index < 500; index++) limiter.of(`busy ${index}`, { callsPerSecond: 1, burst: 1 }).take();
    expect(limiter.size).toBeLessThanOrEqual(20);
  });

  test("never lets more pass than burst and rate allow, in any stretch of time, and no fewer to who waits as told", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 5_000, noNaN: true }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.double({ min: 0, max: 2_000, noNaN: true }), { maxLength: 120 }),
        (callsPerSecond, burst, pausesMs) => {
          const { clock, limiter } = start();
          const calls = limiter.of("a", { callsPerSecond, burst });
          const passedMs: number[] = [];
          for (const pauseMs of pausesMs) {
            clock.advance(pauseMs);
            const waitMs = calls.take();
            if (waitMs === 0) {
              passedMs.push(clock.monotonicMs());
              continue;
            }
            expect(passedMs.length).toBeGreaterThanOrEqual(burst);
            clock.advance(waitMs);
            expect(calls.take()).toBe(0);
            passedMs.push(clock.monotonicMs());
          }
          for (const [first, fromMs] of passedMs.entries()) {
            for (const [count, toMs] of passedMs.slice(first).entries()) {
              expect(count + 1).toBeLessThanOrEqual(burst + ((toMs - fromMs) * callsPerSecond) / 1_000 + 1e-3);
            }
          }
        },
      ),
    );
  });
});
