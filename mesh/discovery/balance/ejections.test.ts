import { describe, expect, test } from "vitest";
import { endpoint } from "./fixtures/simulate-calls.ts";
import { startBalancer } from "./fixtures/start-balancer.ts";

/** Two endpoints, of which `a` has failed and is about to be tried by one call. */
const startDue = () => {
  const started = startBalancer(["a", "b"]);
  started.times(5, () => started.call("a", "failed"));
  started.clock.advance(33_000);
  return started;
};

describe("an ejection", () => {
  test("comes with the fifth failure in a row, and an answer in between begins the row anew", () => {
    const { call, times, report, changes, picks } = startBalancer(["a", "b"]);
    times(4, () => call("a", "failed"));
    call("a");
    times(4, () => call("a", "failed"));
    expect(report("a").state).not.toBe("ejected");
    call("a", "failed");
    expect(report("a")).toMatchObject({ state: "ejected", why: "5 failures in a row" });
    expect(report("a").ejectedForMs).toBeGreaterThanOrEqual(30_000);
    expect(report("a").ejectedForMs).toBeLessThanOrEqual(33_000);
    expect(changes.map(({ state }) => state)).toEqual(["ejected"]);
    expect(picks(50)).toEqual({ b: 50 });
  });

  test("ends with one call that comes back well, and a share that grows", () => {
    const { report, changes, picks, clock, balancer } = startDue();
    const probe = balancer.pick();
    expect(probe?.endpoint.instanceId).toBe("a");
    // Nobody has called it: it is offered to the next.
    expect(balancer.pick()).toBe(probe);
    probe?.begin();
    expect(report("a")).toMatchObject({ state: "probed", ejectedForMs: 0 });
    expect(picks(50)).toEqual({ b: 50 });
    probe?.end("ok");
    expect(report("a")).toMatchObject({ state: "warming", ejectedForMs: undefined, why: undefined });
    expect(changes.map(({ state }) => state)).toEqual(["ejected", "warming"]);
    expect(picks(200).a).toBeLessThan(60);
    clock.advance(10_000);
    expect(report("a").state).toBe("well");
  });

  test("is longer each time that the call has failed, up to five minutes", () => {
    const { call, times, report, balancer, clock } = startBalancer(["a", "b"]);
    times(5, () => call("a", "failed"));
    const lengths: number[] = [];
    times(12, () => {
      const forMs = report("a").ejectedForMs ?? expect.fail("it is not ejected");
      lengths.push(forMs);
      clock.advance(forMs);
      const probe = balancer.pick();
      probe?.begin();
      probe?.end("failed");
    });
    for (const [index, forMs] of lengths.entries()) {
      const leastMs = Math.min(30_000 * (index + 1), 300_000);
      expect(forMs).toBeGreaterThanOrEqual(leastMs - 0.001);
      expect(forMs).toBeLessThanOrEqual(leastMs * 1.1 + 0.001);
    }
  });

  test("goes on when the call that it is tried by says nothing, and the next tries", () => {
    const { report, balancer } = startDue();
    const probe = balancer.pick();
    probe?.begin();
    probe?.end("left");
    expect(report("a")).toMatchObject({ state: "ejected", ejectedForMs: 0 });
    expect(balancer.pick()).toBe(probe);
  });

  test("does not last for as long as the call that it is tried by: where that is still on its way, another tries", () => {
    const { report, balancer, clock } = startDue();
    const watch = balancer.pick();
    watch?.begin();
    clock.advance(9_999);
    expect(balancer.pick()?.endpoint.instanceId).toBe("b");
    clock.advance(1);
    expect(report("a")).toMatchObject({ state: "probed", ejectedForMs: 0 });
    expect(balancer.pick()).toBe(watch);
    watch?.begin();
    watch?.end("ok");
    expect(report("a").state).toBe("warming");
    watch?.end("left");
  });

  test("comes by comparison too, where five have calls enough", () => {
    const ids = ["a", "b", "c", "d", "e", "f"];
    const { call, times, report, clock, balancer } = startBalancer(ids);
    for (const id of ids) {
      times(30, () => {
        times(3, () => call(id));
        call(id, id === "a" ? "failed" : "ok");
      });
    }
    clock.advance(10_000);
    balancer.pick();
    expect(report("a")).toMatchObject({
      state: "ejected",
      why: "75 % of its calls succeeded, of others 96 %",
    });
  });

  test("does not come for want of room, but such an endpoint gets fewer calls for a while", () => {
    const { call, times, report, picks, clock } = startBalancer(["a", "b"]);
    for (const id of ["a", "b"]) call(id, "ok", 10);
    times(50, () => call("a", "overloaded"));
    expect(report("a")).toMatchObject({ ejectedForMs: undefined });
    expect(report("a").penalty).toBeGreaterThan(10);
    expect(picks(50)).toEqual({ b: 50 });
    clock.advance(120_000);
    expect(report("a").penalty).toBeLessThan(1.01);
  });

  test("comes for deadlines that others would have met, and not for short ones", () => {
    const { call, times, report } = startBalancer(["a", "b"]);
    times(100, () => call("b", "ok", 10));
    times(20, () => call("a", "late", 20));
    expect(report("a").state).not.toBe("ejected");
    times(5, () => call("a", "late", 100));
    expect(report("a").state).toBe("ejected");
  });

  test("is taken back when those that are left fail too, and no more often than every ten seconds", () => {
    const { call, times, report, changes, clock } = startBalancer(["a", "b"]);
    times(5, () => call("a", "failed"));
    times(4, () => call("b", "failed"));
    expect(report("a").state).toBe("ejected");
    call("b", "failed");
    expect(report("a").state).toBe("warming");
    call("b");
    times(5, () => call("a", "failed"));
    expect(report("a").ejectedForMs).toBeLessThanOrEqual(33_000);
    times(50, () => call("b", "failed"));
    expect(changes.map(({ endpoint: { instanceId }, state }) => `${instanceId} ${state}`)).toEqual([
      "a ejected",
      "a warming",
      "a ejected",
    ]);
    clock.advance(10_000);
    call("b", "failed");
    expect(report("a").ejectedForMs).toBeUndefined();
  });

  test("spares the last but one in ten, and is taken back when others leave", () => {
    const ids = Array.from({ length: 20 }, (_, index) => `r${index}`);
    const { call, times, balancer } = startBalancer(ids);
    // All but one, or those ejected would be taken back.
    for (const id of ids.slice(0, -1)) times(10, () => call(id, "failed"));
    const ejected = () => balancer.describe().filter(({ ejectedForMs }) => ejectedForMs !== undefined);
    expect(ejected()).toHaveLength(2);
    balancer.update(ids.slice(0, 10).map((id) => endpoint(id)));
    expect(ejected().map(({ endpoint: { instanceId } }) => instanceId)).toEqual(["r1"]);
    balancer.update([endpoint("r1")]);
    expect(ejected()).toEqual([]);
  });
});
