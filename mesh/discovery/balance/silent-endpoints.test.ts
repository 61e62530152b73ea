import { describe, expect, test } from "vitest";
import { SOMEWHERE } from "../balancer.ts";
import { endpoint } from "./fixtures/simulate-calls.ts";
import { startBalancer } from "./fixtures/start-balancer.ts";

const AGAIN = [...SOMEWHERE];

describe("an endpoint that answers nothing", () => {
  test("is as slow as it has been silent while calls wait for it, until one is answered", () => {
    const { call, wait, picks, clock } = startBalancer(["a", "b"]);
    call("a", "ok", 1);
    call("b", "ok", 40);
    const [one, other] = [wait("a"), wait("a")];
    clock.advance(5);
    expect(picks(10)).toEqual({ a: 10 });
    clock.advance(10);
    expect(picks(10)).toEqual({ b: 10 });
    one.answer();
    expect(picks(10)).toEqual({ a: 10 });
    clock.advance(30);
    expect(picks(10)).toEqual({ b: 10 });
    other.end("left");
    clock.advance(60_000);
    call("b", "ok", 40);
    expect(picks(10)).toEqual({ a: 10 });
  });

  test("gets no call from 100 ms on where another answers, whatever that costs", () => {
    const { call, wait, picks, clock, times } = startBalancer(["a", "b"]);
    call("a", "ok", 10);
    times(3, () => {
      const failing = wait("b");
      clock.advance(2_000);
      failing.answer("failed");
    });
    const waiting = wait("a");
    clock.advance(99);
    expect(picks(10)).toEqual({ a: 10 });
    clock.advance(1);
    expect(picks(10)).toEqual({ b: 10 });
    waiting.end("left");
    clock.advance(100);
    const next = wait("a");
    clock.advance(2_000);
    next.end("left");
    expect(picks(10)).toEqual({ b: 10 });
    // It is tried again, and while it does not answer by one call alone.
    clock.advance(60_000);
    expect(picks(10)).toEqual({ a: 10 });
    const again = wait("a");
    clock.advance(1_000);
    expect(picks(10)).toEqual({ b: 10 });
    again.end("left");
    expect(picks(10)).toEqual({ b: 10 });
  });

  test("is known by callers who never wait for long", () => {
    const { call, picks, times } = startBalancer(["a", "b"]);
    call("a", "ok", 1);
    call("b", "failed", 2_000);
    call("b", "ok", 400);
    times(3, () => call("a", "left", 60));
    expect(picks(10)).toEqual({ b: 10 });
    call("a", "ok", 1);
    expect(picks(10)).toEqual({ a: 10 });
  });

  test("is none that answers as slowly as all do", () => {
    const { call, wait, picks, clock, times } = startBalancer(["a", "b"]);
    for (const id of ["a", "b"]) times(200, () => call(id, "ok", 300));
    times(5, () => wait("b"));
    wait("a");
    clock.advance(290);
    expect(picks(10)).toEqual({ a: 10 });
  });

  test("is none once anything was heard of it, whether that was timed or not", () => {
    const { balancer, pickOnly, wait, picks, clock, call, times } = startBalancer(["a", "b"]);
    call("a", "ok", 1);
    call("b", "ok", 1);
    wait("a");
    clock.advance(5_000);
    expect(picks(10)).toEqual({ b: 10 });
    const stream = pickOnly("a");
    stream.begin();
    stream.end("ok");
    times(1_000, () => pickOnly("b").begin());
    expect(picks(10)).toEqual({ a: 10 });
    clock.advance(5_000);
    // Alone, its answers are not timed.
    balancer.update([endpoint("a")]);
    call("a", "ok", 1);
    balancer.update([endpoint("a"), endpoint("b")]);
    times(1_000, () => pickOnly("b").begin());
    expect(picks(10)).toEqual({ a: 10 });
  });

  test("gets no call because another is new", () => {
    const { balancer, clock, call, wait, picks } = startBalancer(["a"]);
    clock.advance(60_000);
    balancer.update([endpoint("a"), endpoint("b")]);
    call("a", "ok", 1);
    wait("a");
    clock.advance(1_000);
    expect(picks(50)).toEqual({ b: 50 });
  });

  test("is told by its last good answer from one whose calls wait as well", () => {
    const { call, wait, picks, clock, balancer, times } = startBalancer(["a", "b"]);
    times(100, () => call("a", "ok", 10));
    clock.advance(2_000);
    times(3, () => call("b", "failed", 1_000));
    call("b", "ok", 2_000);
    call("b", "ok", 10);
    wait("b");
    clock.advance(5);
    wait("a");
    clock.advance(50);
    expect(picks(10)).toEqual({ a: 10 });
    expect(picks(10, balancer, AGAIN)).toEqual({ b: 10 });
    clock.advance(60);
    call("b", "ok", 1);
    clock.advance(99);
    expect(picks(10)).toEqual({ b: 10 });
    // None has answered well for long, and what it costs decides again.
    clock.advance(1);
    expect(picks(10)).toEqual({ a: 10 });
    expect(picks(10, balancer, AGAIN)).toEqual({ a: 10 });
  });
});

describe("a call that was sent before", () => {
  test("does not go to one that keeps silent for twice as long as an answer takes", () => {
    const { call, wait, picks, clock, balancer, times } = startBalancer(["a", "b"]);
    for (const id of ["a", "b"]) times(100, () => call(id, "ok", 10));
    clock.advance(1_000);
    times(5, () => call("b", "overloaded", 1));
    wait("a");
    clock.advance(19);
    expect(picks(10, balancer, AGAIN)).toEqual({ a: 10 });
    clock.advance(2);
    expect(picks(10)).toEqual({ a: 10 });
    expect(picks(10, balancer, AGAIN)).toEqual({ b: 10 });
  });

  test("does not go to one because that refuses at once", () => {
    const { call, wait, picks, balancer, clock, times } = startBalancer(["a", "b"]);
    times(100, () => call("a", "ok", 10));
    times(5, () => call("b", "overloaded", 1));
    wait("a");
    clock.advance(15);
    expect(picks(10, balancer, AGAIN)).toEqual({ a: 10 });
  });

  test("goes to one that answers, of those where it was not", () => {
    const { call, wait, picks, balancer, clock } = startBalancer(["a", "b", "c"]);
    for (const id of ["a", "b", "c"]) call(id, "ok", 10);
    wait("c");
    clock.advance(5_000);
    expect(picks(50, balancer, ["a:1"])).toEqual({ b: 50 });
  });
});
