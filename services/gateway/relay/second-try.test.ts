import { RetryBudget } from "@heddle/mesh/policy";
import { systemRuntime } from "@heddle/mesh/runtime";
import { FakeStream, fakeTime } from "@heddle/mesh/testing";
import { ErrorCode, HeaderList } from "@heddle/mesh/wire";
import { describe, expect, test } from "vitest";
import { fakeCandidate } from "../fixtures/fake-candidate.ts";
import { fakeInstances } from "../fixtures/fake-instances.ts";
import { createRelay } from "./relay.ts";

const REQUEST = { ":method": "POST", ":path": "/loom.v1.LoomService/Weave", "content-type": "application/grpc" };
const UNAVAILABLE = { ":status": "200", "content-type": "application/grpc", "grpc-status": "14" };
const OK = { ":status": "200", "content-type": "application/grpc", "grpc-status": "0" };

const start = ({
  budget = new RetryBudget(),
  addresses = ["loom:1", "loom:2"],
}: {
  budget?: RetryBudget | undefined;
  addresses?: string[];
} = {}) => {
  const time = fakeTime();
  const instances = fakeInstances();
  const runtime = { ...systemRuntime(), ...time };
  const relay = createRelay({ runtime, instanceId: "ins_me", upstreams: instances.upstreams });
  const candidates = addresses.map(fakeCandidate);
  const call = ({ headers = {}, pieces = ["all"] }: { headers?: Record<string, string>; pieces?: string[] } = {}) => {
    const caller = new FakeStream({});
    relay.send(caller, HeaderList.of({ ...REQUEST, ...headers }), false, {
      service: "loom.v1.LoomService",
      isUnary: true,
      timeoutMs: undefined,
      answerFields: [],
      budget,
      candidate: candidates[0] ?? expect.fail("no instance"),
      another: (avoid) => candidates.find(({ endpoint }) => !avoid.includes(endpoint.address)),
    });
    for (const [index, piece] of pieces.entries()) caller.data(piece, index === pieces.length - 1);
    return caller;
  };
  return { ...instances, time, call, candidates };
};

const headersTo = ({ sent }: FakeStream) => sent[0]?.[1];
const empty = () => new RetryBudget({ share: 0, perSecond: 0, windowSeconds: 1 });

describe("a call that may take effect twice, and that an instance has failed before its answer", () => {
  test("goes to another instance as it was, and the caller hears of none of it", () => {
    const { call, asked, candidates } = start();
    const caller = call();
    asked[0]?.stream.headers(UNAVAILABLE, true);
    expect(asked.map(({ address }) => address)).toEqual(["loom:1", "loom:2"]);
    expect(asked[1]?.stream.sent).toEqual([["data", "all", "end"]]);
    expect(asked[1]?.headers.get("grpc-previous-rpc-attempts")).toBe("1");
    asked[1]?.stream.headers(OK, true);
    expect(caller.sent).toEqual([["headers", OK, "end"]]);
    // An error alone is an answer: the instance has not kept silent.
    expect(candidates.map(({ told }) => told)).toEqual([
      ["begin", "sent", "answered", "failed"],
      ["begin", "sent", "answered", "ok"],
    ]);
  });

  test.each([
    [ErrorCode.INTERNAL_ERROR, "peer"],
    [ErrorCode.NO_ERROR, "connection"],
  ] as const)("does so too when its stream ends by %s of the %s", (code, cause) => {
    const { call, asked } = start();
    const caller = call();
    asked[0]?.stream.breaks(code, cause);
    asked[1]?.stream.headers(OK, true);
    expect(caller.sent).toEqual([["headers", OK, "end"]]);
  });

  test("is told the time that is left", async () => {
    const { call, asked, time } = start();
    call({ headers: { "grpc-timeout": "1S", "grpc-previous-rpc-attempts": "2" } });
    await time.advance(300);
    asked[0]?.stream.headers(UNAVAILABLE, true);
    expect(asked.map(({ headers }) => headers.get("grpc-timeout"))).toEqual(["998m", "698m"]);
    expect(asked.map(({ headers }) => headers.get("grpc-previous-rpc-attempts"))).toEqual(["2", "3"]);
  });

  test("fails when there is no other instance, and its caller may try again", () => {
    const { call, asked } = start({ addresses: ["loom:1"] });
    const caller = call();
    asked[0]?.stream.headers(UNAVAILABLE, true);
    expect(headersTo(caller)).toEqual(UNAVAILABLE);
  });

  test("fails after three attempts, and its caller is told not to try again", () => {
    const { call, asked } = start({ addresses: ["loom:1", "loom:2", "loom:3", "loom:4"] });
    const caller = call();
    for (let attempt = 0; attempt < 3; attempt++) asked[attempt]?.stream.headers(UNAVAILABLE, true);
    expect(asked).toHaveLength(3);
    expect(headersTo(caller)).toEqual({ ...UNAVAILABLE, "grpc-retry-pushback-ms": "-1" });
  });

  test("says the same when its last attempt has broken off", () => {
    const { call, asked } = start();
    const caller = call();
    asked[0]?.stream.headers(UNAVAILABLE, true);
    asked[1]?.stream.breaks(ErrorCode.NO_ERROR, "connection");
    expect(headersTo(caller)).toMatchObject({ "grpc-status": "14", "grpc-retry-pushback-ms": "-1" });
  });

  test("fails when the budget is empty, and its caller is told not to try again", () => {
    const { call, asked } = start({ budget: empty() });
    const caller = call();
    asked[0]?.stream.headers(UNAVAILABLE, true);
    expect(asked).toHaveLength(1);
    expect(headersTo(caller)).toEqual({ ...UNAVAILABLE, "grpc-retry-pushback-ms": "-1" });
  });

  test("fails as the instance wants it that says when to come back, or never", () => {
    for (const pushback of ["-1", "500"]) {
      const { call, asked } = start();
      const caller = call();
      const answer = { ...UNAVAILABLE, "grpc-retry-pushback-ms": pushback };
      asked[0]?.stream.headers(answer, true);
      expect([asked.length, headersTo(caller)]).toEqual([1, answer]);
    }
  });

  test("fails by any other error, by a cancel, and by what comes after headers", () => {
    const ends: ((stream: FakeStream) => void)[] = [
      (stream) => stream.headers({ ...UNAVAILABLE, "grpc-status": "13" }, true),
      (stream) => stream.breaks(ErrorCode.CANCEL, "peer"),
      (stream) => {
        stream.headers({ ":status": "200", "content-type": "application/grpc" });
        stream.trailers({ "grpc-status": "14" });
      },
      (stream) => {
        stream.headers({ ":status": "200", "content-type": "application/grpc" });
        stream.breaks(ErrorCode.NO_ERROR, "connection");
      },
    ];
    for (const end of ends) {
      const { call, asked } = start();
      call();
      end(asked[0]?.stream ?? expect.fail("not asked"));
      expect(asked).toHaveLength(1);
    }
  });

  test("fails where more of its request was passed on than is kept", () => {
    const { call, asked } = start();
    const caller = call({ pieces: ["one", "two", "three"] });
    asked[0]?.stream.headers(UNAVAILABLE, true);
    expect([asked.length, headersTo(caller)]).toEqual([1, UNAVAILABLE]);
  });
});

test("a call that may take effect only once is sent once", () => {
  const time = fakeTime();
  const { upstreams, asked } = fakeInstances();
  const relay = createRelay({ runtime: { ...systemRuntime(), ...time }, instanceId: "ins_me", upstreams });
  const caller = new FakeStream({ receivedEnd: true });
  relay.send(caller, HeaderList.of(REQUEST), true, {
    service: "loom.v1.LoomService",
    isUnary: true,
    timeoutMs: undefined,
    answerFields: [],
    candidate: fakeCandidate("loom:1"),
    another: () => fakeCandidate("loom:2"),
  });
  asked[0]?.stream.headers(UNAVAILABLE, true);
  expect([asked.length, headersTo(caller)]).toEqual([1, UNAVAILABLE]);
});

test("retries of callers count in the budget", () => {
  const budget = new RetryBudget({ share: 0, perSecond: 2, windowSeconds: 1 });
  const { call, asked } = start({ budget });
  for (let again = 1; again <= 2; again++) call({ headers: { "grpc-previous-rpc-attempts": "1" } });
  call();
  asked[2]?.stream.headers(UNAVAILABLE, true);
  expect(asked).toHaveLength(3);
});

test("a call that has no time left for its answer is not sent", () => {
  const { call, asked } = start();
  const caller = call({ headers: { "grpc-timeout": "2m" } });
  expect([asked.length, (headersTo(caller) as Record<string, string>)["grpc-status"]]).toEqual([0, "4"]);
});
