import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { endpoint } from "./fixtures/simulate-calls.ts";
import { startBalancer } from "./fixtures/start-balancer.ts";

describe("a choice", () => {
  test("is none among none, and the one that there is, whatever it does", () => {
    const { balancer, call, times, picks } = startBalancer([]);
    expect(balancer.pick()).toBeUndefined();
    balancer.update([endpoint("a")]);
    times(20, () => call("a", "failed"));
    expect(picks(3)).toEqual({ a: 3 });
    expect(picks(3, balancer, ["a:1"])).toEqual({ a: 3 });
  });

  test("goes to the one with the fewest calls on their way, where answers take alike", () => {
    const { pickOnly, picks } = startBalancer(["a", "b"]);
    pickOnly("a").begin();
    expect(picks(10)).toEqual({ b: 10 });
  });

  test("goes to the one whose answers come sooner, until as many more wait for it", () => {
    const { call, pickOnly, picks, times } = startBalancer(["a", "b"]);
    call("a", "ok", 10);
    call("b", "ok", 40);
    expect(picks(10)).toEqual({ a: 10 });
    times(5, () => pickOnly("a").begin());
    expect(picks(10)).toEqual({ b: 10 });
  });

  test("avoids what it is told to, where there is another", () => {
    const { balancer, picks } = startBalancer(["a", "b", "c"]);
    expect(picks(50, balancer, ["a:1", "c:1"])).toEqual({ b: 50 });
    expect(Object.keys(picks(50, balancer, ["a:1", "b:1", "c:1"])).sort()).toEqual(["a", "b", "c"]);
  });

  test("among some goes to none else, also when these are ejected", () => {
    const { balancer, call, times, picks, report } = startBalancer(["a", "b", "c"]);
    const some = balancer.among(({ instanceId }) => instanceId === "b");
    expect(picks(20, some)).toEqual({ b: 20 });
    times(5, () => call("b", "failed"));
    expect(report("b").state).toBe("ejected");
    expect(picks(20, some)).toEqual({ b: 20 });
    expect(picks(50)).not.toHaveProperty("b");
    balancer.update([endpoint("a")]);
    expect(some.pick()).toBeUndefined();
  });

  test("repeats itself with the same chance", () => {
    const order = () => {
      const { balancer } = startBalancer(["a", "b", "c", "d"]);
      return Array.from({ length: 50 }, () => balancer.pick()?.endpoint.instanceId);
    };
    expect(order()).toEqual(order());
  });
});

describe("latency", () => {
  test("jumps to a peak at once, and comes down by and by", () => {
    const { call, report, times } = startBalancer(["a", "b"]);
    call("a", "ok", 10);
    call("a", "ok", 200);
    expect(report("a").latencyMs).toBeCloseTo(200, 0);
    call("a", "ok", 10);
    expect(report("a").latencyMs).toBeGreaterThan(190);
    times(1_000, () => call("a", "ok", 10));
    expect(report("a").latencyMs).toBeLessThan(190);
    times(5_000, () => call("a", "ok", 10));
    expect(report("a").latencyMs).toBeLessThan(12);
  });

  test("of one that was slow fades to what is typical, and no lower", () => {
    const { call, clock, report, times } = startBalancer(["a", "b"]);
    times(500, () => call("a", "ok", 10));
    call("b", "ok", 1_000);
    times(500, () => call("a", "ok", 10));
    clock.advance(600_000);
    expect(report("b").latencyMs).toBeGreaterThanOrEqual(10);
    expect(report("b").latencyMs).toBeLessThan(11);
  });

  test("is at least what was waited in vain", () => {
    const { call, report } = startBalancer(["a", "b"]);
    call("a", "ok", 1);
    call("a", "left", 700);
    expect(report("a").latencyMs).toBe(700);
    call("a", "left", 3);
    expect(report("a").latencyMs).toBeGreaterThan(600);
  });

  test("is not measured where there is nothing to choose", () => {
    const { call, report } = startBalancer(["a"]);
    call("a", "ok", 5);
    expect(report("a")).toMatchObject({ latencyMs: undefined, inFlight: 0 });
  });
});

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
    const { call, times, report, changes, picks, clock, balancer } = startBalancer(["a", "b"]);
    times(5, () => call("a", "failed"));
    clock.advance(33_000);
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
    const { call, times, report, balancer, clock } = startBalancer(["a", "b"]);
    times(5, () => call("a", "failed"));
    clock.advance(33_000);
    const probe = balancer.pick();
    probe?.begin();
    probe?.end("left");
    expect(report("a")).toMatchObject({ state: "ejected", ejectedForMs: 0 });
    expect(balancer.pick()).toBe(probe);
  });

  test("does not last for as long as the call that it is tried by: where that is still on its way, another tries", () => {
    const { call, times, report, balancer, clock } = startBalancer(["a", "b"]);
    times(5, () => call("a", "failed"));
    clock.advance(33_000);
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

describe("an update", () => {
  test("keeps what was learned of those that stay, and forgets those that go or move", () => {
    const { balancer, call, report } = startBalancer(["a", "b"]);
    call("a", "ok", 40);
    call("b", "ok", 40);
    const candidate = balancer.pick();
    balancer.update([endpoint("a", { version: "2.0.0" }), endpoint("b", { address: "elsewhere:1" })]);
    expect(report("a")).toMatchObject({ endpoint: { version: "2.0.0" } });
    expect(report("a").latencyMs).toBeCloseTo(40, 0);
    expect(report("b").latencyMs).toBeUndefined();
    candidate?.begin();
    balancer.update([]);
    // A call to one that has gone ends like any other.
    candidate?.end("failed");
    expect(balancer.pick()).toBeUndefined();
  });

  test("does not slow those down that are all new", () => {
    const { picks } = startBalancer(["a", "b", "c", "d"]);
    for (const count of Object.values(picks(400))) expect(count).toBeGreaterThan(60);
  });

  test("gives a new one a tenth of its share at first, and more and more", () => {
    const { balancer, clock, picks } = startBalancer(["a", "b"]);
    clock.advance(60_000);
    balancer.update(["a", "b", "c"].map((id) => endpoint(id)));
    const first = picks(2_000).c ?? 0;
    clock.advance(5_000);
    const half = picks(2_000).c ?? 0;
    clock.advance(5_000);
    const whole = picks(2_000).c ?? 0;
    expect(first).toBeGreaterThan(20);
    expect(first).toBeLessThan(130);
    expect(half).toBeGreaterThan(first);
    expect(whole).toBeGreaterThan(half);
    expect(whole).toBeGreaterThan(550);
  });
});

describe("near endpoints", () => {
  const places = (near: number, far: number) => [
    ...Array.from({ length: near }, (_, index) => endpoint(`near${index}`, { locality: "a" })),
    ...Array.from({ length: far }, (_, index) => endpoint(`far${index}`, { locality: "b" })),
  ];
  const startAt = (near: number, far: number) => {
    const started = startBalancer([], { locality: "a" });
    started.balancer.update(places(near, far));
    const farShare = () => {
      const counts = Object.entries(started.picks(1_000));
      return counts.filter(([id]) => id.startsWith("far")).reduce((sum, [, count]) => sum + count, 0) / 1_000;
    };
    return { ...started, farShare };
  };

  test("get all calls while enough of them are well", () => {
    const { farShare, call, times } = startAt(4, 8);
    expect(farShare()).toBe(0);
    times(5, () => call("near0", "failed"));
    expect(farShare()).toBe(0);
  });

  test("share them with others when too few are", () => {
    const { farShare, call, times } = startAt(2, 8);
    times(5, () => call("near0", "failed"));
    expect(farShare()).toBeGreaterThan(0.2);
    expect(farShare()).toBeLessThan(0.4);
  });

  test("are not missed where there are none", () => {
    expect(startAt(0, 3).farShare()).toBe(1);
    const { farShare, call, times } = startAt(1, 3);
    times(5, () => call("near0", "failed"));
    expect(farShare()).toBe(1);
  });
});

describe("a subset", () => {
  const many = Array.from({ length: 200 }, (_, index) => `r${index}`);
  const chosen = (key: string, ids: readonly string[] = many, size?: number) => {
    const { balancer } = startBalancer(ids, { subset: size === undefined ? { key } : { key, size } });
    return new Set(balancer.describe().map((each) => each.endpoint.instanceId));
  };

  test("is the same for the same caller, and another for another", () => {
    expect(chosen("x").size).toBe(100);
    expect(chosen("x", [...many].reverse())).toEqual(chosen("x"));
    expect(chosen("y")).not.toEqual(chosen("x"));
    expect(chosen("x", many.slice(0, 60)).size).toBe(60);
  });

  test("changes by one when one of it goes", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: many.length - 1 }), (key, gone) => {
        const before = chosen(key, many, 20);
        const after = chosen(key, many.toSpliced(gone, 1), 20);
        const kept = [...before].filter((id) => after.has(id)).length;
        expect(kept).toBe(before.has(many[gone] as string) ? 19 : 20);
      }),
      { numRuns: 30 },
    );
  });

  test("leaves no endpoint without callers", () => {
    const callers = new Map(many.map((id) => [id, 0]));
    for (let index = 0; index < 100; index++) {
      for (const id of chosen(`caller ${index}`, many, 20)) callers.set(id, (callers.get(id) ?? 0) + 1);
    }
    // Ten each in the mean.
    expect(Math.min(...callers.values())).toBeGreaterThan(0);
    expect(Math.max(...callers.values())).toBeLessThan(30);
  });
});

test("more ends than begins are a mistake that is told", () => {
  const { pickOnly } = startBalancer(["a", "b"]);
  expect(() => pickOnly("a").end("ok")).toThrow("ended");
});
