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

test("more ends than begins are a mistake that is told", () => {
  const { pickOnly } = startBalancer(["a", "b"]);
  expect(() => pickOnly("a").end("ok")).toThrow("ended");
});
