import { describe, expect, test } from "vitest";
import { randomNumbers } from "../wire/fixtures/random-numbers.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";

/** Calls at an even rate, of which a share fails; returns the share that was held back in the last second. */
const load = (
  breaker: CircuitBreaker,
  fromMs: number,
  seconds: number,
  isFailing: (call: number) => boolean,
): number => {
  let heldBack = 0;
  for (let call = 0; call < seconds * 200; call++) {
    const nowMs = fromMs + call * 5;
    if (!breaker.enter(nowMs)) heldBack += call >= (seconds - 1) * 200 ? 1 : 0;
    else if (isFailing(call)) breaker.failed(nowMs);
  }
  return heldBack / 200;
};

describe("a circuit breaker", () => {
  test("holds nothing back while at least half of the calls succeed", () => {
    const breaker = new CircuitBreaker(randomNumbers(1));
    expect(load(breaker, 0, 20, (call) => call % 2 === 0)).toBe(0);
  });

  test("holds back the more calls, the fewer succeed, and lets a fifth through to a target that is down", () => {
    const share = (isFailing: (call: number) => boolean) => {
      const breaker = new CircuitBreaker(randomNumbers(1));
      load(breaker, 0, 20, isFailing);
      return breaker.heldBack(20_000);
    };
    const oneInThree = share((call) => call % 3 !== 0);
    expect(oneInThree).toBeGreaterThan(0.1);
    expect(oneInThree).toBeLessThan(0.3);
    expect(share(() => true)).toBe(0.8);
    const down = new CircuitBreaker(randomNumbers(1));
    const held = load(down, 0, 20, () => true);
    expect(held).toBeGreaterThan(0.7);
    expect(held).toBeLessThan(0.9);
  });

  test("lets everything through again within the window when the target is well again", () => {
    const breaker = new CircuitBreaker(randomNumbers(1));
    load(breaker, 0, 20, () => true);
    expect(load(breaker, 20_000, 10, () => false)).toBe(0);
  });

  test("holds nothing back from who calls seldom: a share of few says nothing", () => {
    const breaker = new CircuitBreaker(randomNumbers(1));
    for (let call = 0; call < 500; call++) {
      expect(breaker.enter(call * 110)).toBe(true);
      breaker.failed(call * 110);
    }
  });
});
