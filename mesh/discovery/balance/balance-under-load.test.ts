import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBalancer } from "./balance.ts";
import {
  type Answering,
  endpoint,
  percentileOf,
  type Simulation,
  type SimulationOptions,
  seededDeps,
  simulateCalls,
} from "./fixtures/simulate-calls.ts";

/** About `ms`, as servers answer: never much sooner, now and then much later; later too the more a replica has to do. */
const about =
  (ms: number): Answering =>
  (_, random, inFlight) => ({ ms: ms * (0.8 - 0.3 * Math.log(1 - random())) * (1 + inFlight / 20) });

const run = (
  seed: number,
  replicas: Record<string, Answering>,
  options: Partial<SimulationOptions> = {},
): Simulation & { share(id: string): number } => {
  const { clock, random, below } = seededDeps(seed);
  const balancer = createBalancer({ clock, random: below });
  balancer.update(Object.keys(replicas).map((id) => endpoint(id)));
  const simulation = simulateCalls({
    balancer,
    clock,
    random,
    replicas: new Map(Object.entries(replicas)),
    callsPerSecond: 1_000,
    seconds: 30,
    ...options,
  });
  const total = [...simulation.calls.values()].reduce((sum, count) => sum + count, 0);
  return { ...simulation, share: (id) => (simulation.calls.get(id) ?? 0) / total };
};

const five = (first: Answering, others: Answering = about(5)) => ({
  a: first,
  b: others,
  c: others,
  d: others,
  e: others,
});
const seeds = fc.integer({ min: 1, max: 1_000_000 });
const runs = { numRuns: 3 };

describe("of five replicas", () => {
  test("one that is 100 times slower does not show in the 99th percentile, not even at the start", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const healthy = run(seed, five(about(5)));
        const slow = run(seed, five(about(500)), { deadlineMs: 60_000 });
        expect(percentileOf(slow.latenciesMs, 99)).toBeLessThanOrEqual(percentileOf(healthy.latenciesMs, 99) * 1.5);
        expect(slow.share("a")).toBeLessThan(0.005);
      }),
      runs,
    );
  });

  test("one that becomes slow is left alone within a few calls, and used again once it is quick", () => {
    const turning: Answering = (nowMs, ...rest) => about(nowMs < 10_000 || nowMs > 30_000 ? 5 : 500)(nowMs, ...rest);
    fc.assert(
      fc.property(seeds, (seed) => {
        const while_ = run(seed, five(turning), { seconds: 30, fromMs: 10_000, deadlineMs: 60_000 });
        expect(while_.share("a")).toBeLessThan(0.01);
        const after = run(seed, five(turning), { seconds: 120, fromMs: 90_000, deadlineMs: 60_000 });
        expect(after.share("a")).toBeGreaterThan(0.1);
      }),
      runs,
    );
  });

  test("one that fails every call, and quickly, costs a handful of them", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { failed, ejectedMax } = run(
          seed,
          five(() => ({ ms: 0.2, outcome: "failed" })),
        );
        // Five in a row, what was on its way then, and none before the first ejection's end.
        expect(failed).toBeLessThan(10);
        expect(ejectedMax).toBe(1 / 5);
      }),
      runs,
    );
  });

  test("one that fails a third of its calls, seldom five in a row, gets few", () => {
    const third: Answering = (nowMs, random, inFlight) => ({
      ...(about(5)(nowMs, random, inFlight) as { ms: number }),
      outcome: random() < 0.33 ? "failed" : "ok",
    });
    fc.assert(
      fc.property(seeds, (seed) => {
        const { share } = run(seed, five(third), { seconds: 40 });
        expect(share("a")).toBeLessThan(0.02);
      }),
      runs,
    );
  });

  test.each(["late", "left"] as const)(
    "one that hangs is found by calls that wait in vain, and end as %s",
    (lateIs) => {
      fc.assert(
        fc.property(seeds, (seed) => {
          const { failed, share } = run(
            seed,
            five(() => "hangs"),
            { deadlineMs: 250, lateIs },
          );
          expect(failed).toBeLessThan(50);
          expect(share("a")).toBeLessThan(0.002);
        }),
        runs,
      );
    },
  );

  test("one that was the quickest and falls silent gets next to no more calls within moments, so that a copy of a slow call goes elsewhere", () => {
    const silent: Answering = (nowMs, ...rest) => (nowMs < 10_000 ? about(2)(nowMs, ...rest) : "hangs");
    fc.assert(
      fc.property(seeds, fc.constantFrom(50, 200, 1_000), (seed, callsPerSecond) => {
        const options = { callsPerSecond, fromMs: 10_050, seconds: 11, deadlineMs: 5_000 };
        expect(run(seed, five(silent, about(20)), options).calls.get("a") ?? 0).toBeLessThanOrEqual(3);
      }),
      { numRuns: 9 },
    );
  });

  test("all that fail are used all the same, and none is left out for long once all are well", () => {
    const outage: Answering = (nowMs, ...rest) =>
      nowMs < 20_000 ? { ms: 1, outcome: "failed" } : about(5)(nowMs, ...rest);
    fc.assert(
      fc.property(seeds, (seed) => {
        const during = run(seed, five(outage, outage), { seconds: 20 });
        for (const id of ["a", "b", "c", "d", "e"]) expect(during.calls.get(id) ?? 0).toBeGreaterThan(0);
        const after = run(seed, five(outage, outage), { seconds: 120, fromMs: 90_000 });
        expect(after.failed).toBe(0);
        for (const id of ["a", "b", "c", "d", "e"]) expect(after.share(id)).toBeGreaterThan(0.1);
      }),
      runs,
    );
  });

  test("one that restarts begins with a small share, and has its whole one after the slow start", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { clock, random, below } = seededDeps(seed);
        const balancer = createBalancer({ clock, random: below });
        const ids = ["a", "b", "c", "d", "e"];
        const replicas = new Map<string, Answering>([...ids, "f"].map((id) => [id, about(5)]));
        const common = { balancer, clock, random, replicas, callsPerSecond: 2_000 };
        const shareOfF = ({ calls }: Simulation) =>
          (calls.get("f") ?? 0) / [...calls.values()].reduce((sum, count) => sum + count, 0);
        balancer.update(ids.map((id) => endpoint(id)));
        simulateCalls({ ...common, seconds: 15 });
        balancer.update(ids.slice(1).map((id) => endpoint(id)));
        simulateCalls({ ...common, seconds: 2 });
        balancer.update([...ids.slice(1), "f"].map((id) => endpoint(id)));
        expect(shareOfF(simulateCalls({ ...common, seconds: 1 }))).toBeLessThan(0.1);
        expect(shareOfF(simulateCalls({ ...common, seconds: 30, fromMs: 15_000 }))).toBeGreaterThan(0.1);
      }),
      runs,
    );
  });
});

test("replicas that are alike get alike, from 1 to 50 of them", () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 50 }), (seed, count) => {
      const ids = Array.from({ length: count }, (_, index) => `r${index}`);
      const replicas = Object.fromEntries(ids.map((id) => [id, about(5)]));
      // As many for each, however many there are.
      const { share, failed } = run(seed, replicas, { callsPerSecond: 100 * count, seconds: 60 });
      expect(failed).toBe(0);
      for (const id of ids) {
        expect(share(id)).toBeGreaterThan(0.75 / count);
        expect(share(id)).toBeLessThan(1.25 / count);
      }
    }),
    { numRuns: 4 },
  );
});

test("two that fail by turns are never both left alone for long", () => {
  const by =
    (turn: number): Answering =>
    (nowMs, random, inFlight) =>
      Math.floor(nowMs / 15_000) % 2 === turn ? { ms: 1, outcome: "failed" } : about(5)(nowMs, random, inFlight);
  fc.assert(
    fc.property(seeds, (seed) => {
      const { failed, latenciesMs } = run(seed, { a: by(0), b: by(1) }, { seconds: 120, callsPerSecond: 200 });
      expect(failed / (failed + latenciesMs.length)).toBeLessThan(0.02);
    }),
    runs,
  );
});

test("whatever replicas do, no more are ejected than a tenth, or one, and a call always has somewhere to go", () => {
  const behaviours: Answering[] = [
    about(1),
    about(100),
    () => ({ ms: 1, outcome: "failed" }),
    () => ({ ms: 1, outcome: "overloaded" }),
    () => "hangs",
    (_, random) => ({ ms: 5, outcome: random() < 0.5 ? "failed" : "ok" }),
    (nowMs) => ({ ms: 2, outcome: Math.floor(nowMs / 3_000) % 2 === 0 ? "failed" : "ok" }),
  ];
  fc.assert(
    fc.property(
      seeds,
      fc.array(fc.nat({ max: behaviours.length - 1 }), { minLength: 1, maxLength: 30 }),
      (seed, chosen) => {
        const replicas = Object.fromEntries(chosen.map((index, at) => [`r${at}`, behaviours[index] as Answering]));
        const { ejectedMax, calls } = run(seed, replicas, { callsPerSecond: 500, seconds: 60, deadlineMs: 200 });
        const allowed = chosen.length < 2 ? 0 : Math.max(1, Math.floor(chosen.length / 10));
        expect(ejectedMax * chosen.length).toBeLessThanOrEqual(allowed + 1e-9);
        expect([...calls.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20_000);
      },
    ),
    { numRuns: 15 },
  );
});
