import { describe, expect, test } from "vitest";
import type { Claim } from "./admission.ts";
import { EventLoop, type EventLoopOptions } from "./fixtures/event-loop.ts";
import { BEGUN_MAX, WARM_UP_MS } from "./limits.ts";
import type { Priority } from "./priority.ts";

const claim = (priority: Priority, caller = "user a"): Claim => ({ priority, caller: () => caller });
const normal = claim("normal");

/** Calls a second that one thread can answer. */
const capacity = (costMs: number): number => 1_000 / costMs;

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/** What comes of so many times the calls that the process could answer, once it has got used to them. */
const overloaded = (times: number, costMs: number, options?: EventLoopOptions) => {
  const loop = new EventLoop(options);
  const load = [{ claim: normal, perSecond: times * capacity(costMs), costMs }];
  loop.run(load, 5);
  return { loop, ...loop.run(load, 20) };
};

describe.each([0.5, 1, 5])("calls of %d ms each", (costMs) => {
  test.each([1.2, 2, 5, 10])("%d times too many leave nine tenths of the goodput", (times) => {
    const { goodPerSecond, longestMs } = overloaded(times, costMs);
    expect(sum(goodPerSecond)).toBeGreaterThan(0.9 * capacity(costMs));
    expect(longestMs).toBeLessThan(500);
  });

  test("without admission they leave next to nothing", () => {
    expect(sum(overloaded(2, costMs, { admits: false }).goodPerSecond)).toBeLessThan(0.1 * capacity(costMs));
  });

  test.each([0.01, 0.5, 0.8, 0.9])("a load of %d sheds nothing", (times) => {
    for (const seed of [1, 2, 3]) expect(sum(overloaded(times, costMs, { seed }).shed)).toBe(0);
  });

  test.each([0.1, 0.7])("pauses of 150 ms, as of a collector, shed nothing at a load of %d", (times) => {
    for (const seed of [1, 2, 3]) expect(sum(overloaded(times, costMs, { seed, pauseMs: 150 }).shed)).toBe(0);
  });
});

test("the goodput does not fall much from the first moment of an overload", () => {
  const loop = new EventLoop();
  const of = (times: number) => [{ claim: normal, perSecond: times * 1_000, costMs: 1 }];
  loop.run(of(0.5), 10);
  expect(sum(loop.run(of(10), 5).goodPerSecond)).toBeGreaterThan(700);
});

test("a process that has just started sheds nothing, however slow its first calls are", () => {
  const loop = new EventLoop({ isNew: true });
  const cold = [{ claim: normal, perSecond: 300, costMs: 4 }];
  expect(sum(loop.run(cold, WARM_UP_MS / 1_000 - 1).shed)).toBe(0);
});

test("a burst out of the quiet passes whole", () => {
  const { admission, clock } = new EventLoop();
  for (let calls = 0; calls < 10_000; calls++) {
    expect(admission.admit(normal)).toBe(true);
    clock.advance(0.3);
  }
});

test("after an overload nothing is shed within a second, and the limit is gone soon", () => {
  const loop = new EventLoop();
  const of = (times: number) => [{ claim: normal, perSecond: times * 1_000, costMs: 1 }];
  loop.run(of(10), 10);
  expect(loop.admission.describe()).toMatchObject({ isOverloaded: true });
  expect(loop.admission.describe().limit).toBeLessThan(200);
  loop.run(of(0.5), 1);
  expect(sum(loop.run(of(0.5), 10).shed)).toBe(0);
  expect(loop.admission.describe()).toMatchObject({ isOverloaded: false, limit: BEGUN_MAX, callers: 0 });
});

test("an overload of an hour is not taken for normal", () => {
  const loop = new EventLoop();
  const load = [{ claim: normal, perSecond: 1_000, costMs: 5 }];
  loop.run(load, 600);
  const { longestMs } = loop.run(load, 60);
  expect(longestMs).toBeLessThan(500);
});

describe("priorities", () => {
  const loads = (perSecond: Partial<Record<Priority, number>>) =>
    Object.entries(perSecond).map(([priority, rate]) => ({
      claim: claim(priority as Priority),
      perSecond: rate,
      costMs: 1,
    }));
  const shares = (perSecond: Partial<Record<Priority, number>>) => {
    const loop = new EventLoop();
    loop.run(loads(perSecond), 5);
    const { shed, asked } = loop.run(loads(perSecond), 20);
    return shed.map((count, index) => count / (asked[index] as number));
  };

  test("what is low is shed first, and what is high not at all while there is room", () => {
    const [low, usual, high] = shares({ low: 1_500, normal: 300, high: 400 }) as [number, number, number];
    expect(low).toBeGreaterThan(0.7);
    expect(usual).toBeLessThan(0.05);
    expect(high).toBeLessThan(0.01);
  });

  test("low gives way to normal, and normal to high", () => {
    const [low, usual, high] = shares({ low: 1_000, normal: 1_000, high: 700 }) as [number, number, number];
    expect(low).toBeGreaterThan(0.95);
    expect(usual).toBeGreaterThan(0.5);
    expect(high).toBeLessThan(0.03);
  });

  test("low alone gets all there is", () => {
    const { goodPerSecond } = (() => {
      const loop = new EventLoop();
      loop.run(loads({ low: 5_000 }), 5);
      return loop.run(loads({ low: 5_000 }), 20);
    })();
    expect(sum(goodPerSecond)).toBeGreaterThan(900);
  });

  test("critical calls are never shed, however many they are", () => {
    expect(shares({ critical: 3_000 })).toEqual([0]);
    const [critical, high] = shares({ critical: 600, high: 2_000 }) as [number, number];
    expect(critical).toBe(0);
    expect(high).toBeGreaterThan(0.7);
  });
});

describe("callers", () => {
  test("whoever wants more than its share is shed, and the others are not", () => {
    const loop = new EventLoop();
    const loads = [
      { claim: claim("normal", "user greedy"), perSecond: 5_000, costMs: 1 },
      ...["a", "b", "c", "d"].map((name) => ({ claim: claim("normal", `user ${name}`), perSecond: 100, costMs: 1 })),
    ];
    loop.run(loads, 5);
    const { shed, asked, goodPerSecond } = loop.run(loads, 20);
    const shares = shed.map((count, index) => count / (asked[index] as number));
    expect(shares[0]).toBeGreaterThan(0.8);
    expect(Math.max(...shares.slice(1))).toBeLessThan(0.05);
    expect(sum(goodPerSecond)).toBeGreaterThan(900);
  });

  test("equals are shed alike", () => {
    const loop = new EventLoop();
    const loads = ["a", "b", "c", "d"].map((name) => ({ claim: claim("normal", name), perSecond: 1_000, costMs: 1 }));
    loop.run(loads, 5);
    const { goodPerSecond } = loop.run(loads, 20);
    expect(Math.min(...goodPerSecond)).toBeGreaterThan(0.9 * Math.max(...goodPerSecond));
  });
});

test("who calls is asked of nobody while there is room", () => {
  const loop = new EventLoop();
  const anonymous: Claim = {
    priority: "low",
    caller: () => {
      throw new Error("was asked");
    },
  };
  expect(sum(loop.run([{ claim: anonymous, perSecond: 500, costMs: 1 }], 5).shed)).toBe(0);
});

test("it tells what it does", () => {
  const { loop } = overloaded(10, 1);
  const { limit, turnMs, toleratedMs, shed, admitted } = loop.admission.describe();
  expect([toleratedMs, shed.low, shed.high]).toEqual([100, 0, 0]);
  expect(limit).toBeGreaterThan(50);
  expect(turnMs).toBeGreaterThan(50);
  expect(shed.normal).toBeGreaterThan(admitted);
});
