import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";
import { DEFAULT_RPC_LIMITS } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { FakeStream, fakeTime } from "@heddle/mesh/testing";
import { ErrorCode, HeaderList } from "@heddle/mesh/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FakeCandidate, fakeCandidate } from "../fixtures/fake-candidate.ts";
import { fakeInstances } from "../fixtures/fake-instances.ts";
import { createRelay, type Route } from "./relay.ts";

const REQUEST = {
  ":method": "POST",
  ":scheme": "http",
  ":authority": "gateway",
  ":path": "/loom.v1.LoomService/Weave",
  "content-type": "application/grpc",
};
const ADDRESSES = ["loom:1", "loom:2", "loom:3"];

/** A relay to instances of which each takes `callsMax` calls at once. */
const start = ({ callsMax = 2, addresses = ADDRESSES } = {}) => {
  const time = fakeTime();
  const instances = fakeInstances({ callsMax, clock: time.clock, timers: time.timers });
  const relay = createRelay({
    runtime: { ...systemRuntime(), ...time },
    instanceId: "ins_me",
    upstreams: instances.upstreams,
  });
  let turn = 0;
  const candidates = addresses.map(fakeCandidate);
  const next = () => candidates[turn++ % addresses.length] as FakeCandidate;
  const call = (route: Partial<Route> = {}) => {
    const caller = new FakeStream();
    relay.send(caller, HeaderList.of(REQUEST), false, {
      service: "loom.v1.LoomService",
      candidate: next(),
      isUnary: true,
      timeoutMs: 5_000,
      answerFields: [],
      another: (avoid) => candidates.find(({ endpoint }) => !avoid.includes(endpoint.address)),
      ...route,
    });
    return caller;
  };
  const running = () => addresses.map((address) => instances.running(address));
  const told = () => candidates.flatMap((candidate) => candidate.told);
  return { ...instances, time, call, running, told };
};

const errorOf = ({ sent }: FakeStream) => {
  const fields = Object.entries((sent[0]?.[1] ?? {}) as Record<string, string>);
  const error = findTrailerError(new Headers(fields.filter(([name]) => !name.startsWith(":"))));
  return {
    reason: error?.findDetails(ErrorInfoSchema)[0]?.reason,
    mayRetry: (error?.findDetails(RetryInfoSchema).length ?? 0) > 0,
  };
};

describe("an instance takes so many calls at once", () => {
  test("and those beyond go to the others, or are told to come back", () => {
    const { call, asked, running } = start({ callsMax: 1 });
    call({ candidate: fakeCandidate("loom:1") });
    call({ candidate: fakeCandidate("loom:1") });
    call({ candidate: fakeCandidate("loom:1") });
    expect(new Set(asked.map(({ address }) => address))).toEqual(new Set(ADDRESSES));
    expect(running()).toEqual([1, 1, 1]);
    const refused: string[] = [];
    const refusal = call({ refused: (error) => refused.push(error.rawMessage) });
    expect(errorOf(refusal)).toEqual({ reason: "UPSTREAM_BUSY", mayRetry: true });
    expect(refused).toEqual([expect.stringContaining("LoomService")]);
    expect(asked).toHaveLength(3);
    asked[0]?.stream.headers({ ":status": "200", "grpc-status": "0" }, true);
    asked[0]?.stream.breaks(ErrorCode.NO_ERROR, "peer");
    expect(running().reduce((sum, calls) => sum + calls)).toBe(2);
    call();
    expect(asked).toHaveLength(4);
  });

  test("and a caller that leaves makes room when the instance is rid of its stream", async () => {
    const { call, asked, running, time } = start({ callsMax: 1_000, addresses: ["loom:1"] });
    const callers = Array.from({ length: 600 }, () => call());
    for (const caller of callers) caller.breaks(ErrorCode.CANCEL, "peer");
    const resets = () => asked.filter(({ stream }) => stream.closed).length;
    expect(resets()).toBeLessThan(600);
    expect(running()).toEqual([600 - resets()]);
    await time.advance(1_000);
    expect([resets(), running()]).toEqual([600, [0]]);
  });

  test("and an address that is none takes no place", () => {
    const { call, running, upstreams } = start({ addresses: ["none"] });
    upstreams.to = () => {
      throw new TypeError("no address");
    };
    expect(() => call()).toThrow(TypeError);
    expect(running()).toEqual([0]);
  });

  test("and however calls end, none is counted for ever", async () => {
    const action = fc.record({
      what: fc.constantFrom(
        "call",
        "call",
        "data",
        "end",
        "leave",
        "headers",
        "answer",
        "finish",
        "reset",
        "unprocessed",
      ),
      which: fc.nat(12),
      waitMs: fc.constantFrom(0, 0, 0, 100, 6_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const { call, asked, dead, running, time, told } = start();
        dead.add("loom:3");
        const callers: FakeStream[] = [];
        for (const { what, which, waitMs } of actions) {
          const caller = callers[which];
          const instance = asked[which]?.stream;
          const isOpen = instance !== undefined && !instance.closed;
          const hasBegun = instance?.sent !== undefined && begun.has(instance);
          if (what === "call") callers.push(call());
          else if (what === "data" && caller?.closed === false) caller.data("thread");
          else if (what === "end" && caller?.closed === false) caller.data("", true);
          else if (what === "leave" && caller?.closed === false) caller.breaks(ErrorCode.CANCEL, "peer");
          else if (what === "headers" && isOpen && !hasBegun) {
            begun.add(instance);
            instance.headers({ ":status": "200" });
          } else if (what === "answer" && isOpen && hasBegun) instance.data("cloth");
          else if (what === "finish" && isOpen && hasBegun) instance.trailers({ "grpc-status": "0" });
          else if (what === "reset" && isOpen) instance.breaks(ErrorCode.CANCEL, "peer");
          else if (what === "unprocessed" && isOpen && !hasBegun) {
            instance.breaks(ErrorCode.REFUSED_STREAM, "unprocessed");
          }
          if (waitMs > 0) await time.advance(waitMs);
          for (const count of running()) expect(count).toBeLessThanOrEqual(2);
        }
        // Deadlines end what is left.
        await time.advance(20_000);
        expect(running()).toEqual([0, 0, 0]);
        const begins = told().filter((word) => word === "begin").length;
        const ends = told().filter((word) => OUTCOME.test(word)).length;
        expect(ends).toBe(begins);
      }),
      { numRuns: 300 },
    );
  });
});

const OUTCOME = /^(ok|failed|late|overloaded|left)\b/;

/** Streams whose answer has begun. */
const begun = new WeakSet<FakeStream>();

describe("the body of a request that is one message", () => {
  const limit = DEFAULT_RPC_LIMITS.messageBytesMax + 5;

  test("is refused when it grows beyond what a message may have, and the instance is spared the rest", () => {
    const { call, asked, running } = start();
    const caller = call({ requestBytesMax: limit });
    const piece = "x".repeat(1024 * 1024);
    for (let sent = 0; sent < 4; sent++) caller.data(piece);
    caller.data("12345");
    expect(caller.sent).toEqual([]);
    caller.data("6");
    expect(errorOf(caller).reason).toBe("MESSAGE_TOO_LARGE");
    expect(asked[0]?.stream.sent.at(-1)).toEqual(["reset", ErrorCode.CANCEL]);
    expect(running()).toEqual([0, 0, 0]);
  });

  test("is not bounded in all where it is a stream of messages", () => {
    const { call, asked } = start();
    const caller = call();
    for (let sent = 0; sent < 6; sent++) caller.data("x".repeat(1024 * 1024));
    expect(caller.sent).toEqual([]);
    expect(asked[0]?.stream.sent).toHaveLength(6);
  });
});
