import { Code, type ConnectError } from "@connectrpc/connect";
import { endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";
import { fail, reasons } from "@heddle/mesh/contract";
import { systemRuntime } from "@heddle/mesh/runtime";
import { FakeStream, fakeTime } from "@heddle/mesh/testing";
import { ErrorCode, HeaderList } from "@heddle/mesh/wire";
import { describe, expect, test } from "vitest";
import { fakeCandidate } from "../fixtures/fake-candidate.ts";
import { type AskedInstance, fakeInstances } from "../fixtures/fake-instances.ts";
import { createRelay, type Route } from "./relay.ts";

const ROUTE = { service: "loom.v1.LoomService", isUnary: true, timeoutMs: undefined, answerFields: [] };
const REQUEST = {
  ":method": "POST",
  ":scheme": "https",
  ":authority": "gateway.example:8080",
  ":path": "/loom.v1.LoomService/Weave",
  "content-type": "application/grpc",
};

const start = () => {
  const time = fakeTime();
  const instances = fakeInstances();
  const { upstreams } = instances;
  const runtime = { ...systemRuntime(), ...time };
  const relay = createRelay({ runtime, instanceId: "ins_me", upstreams });
  const candidate = fakeCandidate("loom:1");
  /** A caller's exchange, sent to the relay. */
  const call = ({
    headers = {},
    end = false,
    route = {},
  }: {
    headers?: Record<string, string | undefined>;
    end?: boolean;
    route?: Partial<Route>;
  } = {}) => {
    const caller = new FakeStream({ receivedEnd: end });
    relay.send(caller, HeaderList.of({ ...REQUEST, ...headers }), end, { ...ROUTE, candidate, ...route });
    return caller;
  };
  /** The instance that was asked last. */
  const instance = (): AskedInstance => instances.asked.at(-1) ?? expect.fail("no instance was asked");
  return { ...instances, relay, time, call, instance, candidate, told: candidate.told };
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The status in gRPC's headers or trailers. */
const statusIn = (fields: Readonly<Record<string, string>> | undefined): ConnectError | undefined =>
  findTrailerError(new Headers(Object.entries(fields ?? {}).filter(([name]) => !name.startsWith(":"))));

const told = (error: ConnectError | undefined) => ({
  code: Code[error?.code ?? 0],
  reason: error?.findDetails(ErrorInfoSchema)[0]?.reason,
  mayRetry: (error?.findDetails(RetryInfoSchema).length ?? 0) > 0,
});

const UNREACHABLE = { code: "Unavailable", reason: "INSTANCE_UNREACHABLE", mayRetry: true };

/** What a caller by gRPC was told by a first answer that is all there is. */
const refusalTo = ({ sent }: FakeStream) => {
  const [first, ...more] = sent;
  expect([first?.[0], first?.[2], more]).toEqual(["headers", "end", []]);
  return told(statusIn(first?.[1] as Record<string, string>));
};

test("a drain ends what has no deadline at once, streams that have one a second later, and lets single messages finish", async () => {
  const { relay, call, time } = start();
  const endless = call({ end: true });
  const stream = call({ end: true, route: { isUnary: false, timeoutMs: 3_600_000 } });
  const unary = call({ end: true, route: { timeoutMs: 3_600_000 } });
  const brief = call({ end: true, route: { isUnary: false, timeoutMs: 3_600_000 } });
  relay.drain(fail(reasons("test")("DRAINING", Code.Unavailable, "It stops."), {}));
  const ended = () => [endless, stream, unary, brief].map(({ sent }) => sent.length > 0);
  expect(ended()).toEqual([true, false, false, false]);
  expect(refusalTo(endless)).toMatchObject({ code: "Unavailable", reason: "DRAINING" });
  brief.breaks(ErrorCode.CANCEL, "peer");
  await time.advance(1_000);
  expect(ended()).toEqual([true, true, false, false]);
  expect(refusalTo(stream)).toMatchObject({ code: "Unavailable", reason: "DRAINING" });
});

describe("a call passes as it is", () => {
  test("headers, pieces of the body and trailers, both ways", () => {
    const { call, instance } = start();
    const caller = call({ headers: { "x-meta": "1" } });
    const { address, headers, end, stream } = instance();
    expect([address, end]).toEqual(["loom:1", false]);
    expect(headers.get("x-meta")).toBe("1");
    caller.data("one");
    caller.data("two");
    caller.trailers({ "x-after": "2" });
    expect(stream.sent).toEqual([
      ["data", "one", "more"],
      ["data", "two", "more"],
      ["trailers", { "x-after": "2" }],
    ]);
    stream.headers({ ":status": "200", "x-reply": "3" });
    stream.data("three");
    stream.trailers({ "grpc-status": "0" });
    expect(caller.sent).toEqual([
      ["headers", { ":status": "200", "x-reply": "3" }, "more"],
      ["data", "three", "more"],
      ["trailers", { "grpc-status": "0" }],
    ]);
    expect([caller.consumed, stream.consumed]).toEqual([6, 5]);
  });

  test("ends where they stand: of a request without body, of a last piece, of trailers only", () => {
    const { call, instance } = start();
    const caller = call({ end: true });
    expect(instance().end).toBe(true);
    instance().stream.headers({ ":status": "200", "grpc-status": "5" }, true);
    expect(caller.sent).toEqual([["headers", { ":status": "200", "grpc-status": "5" }, "end"]]);

    const other = call();
    other.data("all", true);
    expect(instance().stream.sent).toEqual([["data", "all", "end"]]);
    instance().stream.headers({ ":status": "200" });
    instance().stream.data("all of it", true);
    expect(other.sent.at(-1)).toEqual(["data", "all of it", "end"]);
  });

  test("with what a proxy has to say, and without what concerns one connection", () => {
    const { call, instance } = start();
    call({
      headers: {
        connection: "keep-alive",
        te: "gzip",
        via: "1.1 other",
        "x-forwarded-for": "203.0.113.9",
        authorization: "Bearer t",
        "grpc-timeout": "5S",
      },
    });
    const { headers } = instance();
    expect(Object.fromEntries(headers)).toEqual({
      ...REQUEST,
      ":scheme": "http",
      te: "trailers",
      via: "1.1 other, 2.0 ins_me",
      "x-forwarded-for": "192.0.2.1",
      authorization: "Bearer t",
      // Less the way back.
      "grpc-timeout": "4998m",
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    });
  });

  test("in a trace of its own, or a span of the caller's", () => {
    const { call, asked } = start();
    const trace = "0af7651916cd43dd8448eb211c80319c";
    call();
    call();
    call({ headers: { traceparent: `00-${trace}-b7ad6b7169203331-00` } });
    call({ headers: { traceparent: "nonsense" } });
    const [first, second, third, fourth] = asked.map(({ headers }) => headers.get("traceparent") ?? "");
    expect(first).not.toBe(second);
    expect(third).toMatch(new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-00$`));
    expect(fourth).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  test("calls that differ in their caller, trace and deadline alone share one header list", () => {
    const { relay, asked, candidate } = start();
    for (const [peer, timeout] of [
      ["192.0.2.1:1", "1S"],
      ["192.0.2.2:2", "2S"],
    ] as const) {
      relay.send(new FakeStream({ peer }), HeaderList.of({ ...REQUEST, "grpc-timeout": timeout }), true, {
        ...ROUTE,
        candidate,
      });
    }
    relay.send(new FakeStream(), HeaderList.of({ ...REQUEST, "user-agent": "other" }), true, { ...ROUTE, candidate });
    const [first, second, third] = asked.map(({ list }) => list);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  test("but not in a circle", () => {
    const { call, asked } = start();
    expect(refusalTo(call({ headers: { via: "2.0 ins_other, 2.0 ins_me" } }))).toMatchObject({ reason: "RELAY_LOOP" });
    expect(asked).toEqual([]);
  });
});

describe("a side that takes nothing stops the other", () => {
  test("the instance the caller", () => {
    const { call, instance } = start();
    const caller = call();
    const { stream } = instance();
    stream.isBlocked = true;
    caller.data("12345");
    caller.data("678");
    expect(caller.consumed).toBe(0);
    stream.drain();
    expect(caller.consumed).toBe(8);
    caller.data("9");
    expect(caller.consumed).toBe(9);
  });

  test("the caller the instance", () => {
    const { call, instance } = start();
    const caller = call({ end: true });
    const { stream } = instance();
    stream.headers({ ":status": "200" });
    caller.isBlocked = true;
    stream.data("12345");
    stream.data("678");
    expect(stream.consumed).toBe(0);
    caller.drain();
    expect(stream.consumed).toBe(8);
    stream.data("9", true);
    expect(stream.consumed).toBe(9);
  });
});

describe("a reset passes with its code", () => {
  test("of the caller; a connection that is gone cancels", () => {
    for (const [code, cause, passed] of [
      [ErrorCode.CANCEL, "peer", ErrorCode.CANCEL],
      [ErrorCode.ENHANCE_YOUR_CALM, "peer", ErrorCode.ENHANCE_YOUR_CALM],
      [ErrorCode.NO_ERROR, "peer", ErrorCode.CANCEL],
      [ErrorCode.INTERNAL_ERROR, "connection", ErrorCode.CANCEL],
    ] as const) {
      const { call, instance } = start();
      call().breaks(code, cause);
      expect(instance().stream.sent).toEqual([["reset", passed]]);
    }
  });

  test("of the instance, in the middle of an answer, and before it", () => {
    for (const hasBegun of [true, false]) {
      const { call, instance } = start();
      const caller = call({ end: true });
      if (hasBegun) instance().stream.headers({ ":status": "200", "content-type": "application/grpc" });
      instance().stream.breaks(ErrorCode.ENHANCE_YOUR_CALM, "peer");
      expect(caller.sent.at(-1)).toEqual(["reset", ErrorCode.ENHANCE_YOUR_CALM]);
    }
  });
});

describe("a connection that is lost", () => {
  test("before an answer is an error that the caller can act on", () => {
    const { call, instance } = start();
    const caller = call({ end: true });
    instance().stream.breaks(ErrorCode.INTERNAL_ERROR, "connection");
    expect(refusalTo(caller)).toEqual(UNREACHABLE);
  });

  const interrupted = (contentType: string) => {
    const { call, instance } = start();
    const caller = call({ end: true });
    instance().stream.headers({ ":status": "200", "content-type": contentType });
    instance().stream.data("some");
    instance().stream.breaks(ErrorCode.INTERNAL_ERROR, "connection");
    return caller.sent.slice(2);
  };

  test("in the middle of an answer ends it in its protocol", () => {
    const [grpc] = interrupted("application/grpc+proto");
    expect(grpc?.[0]).toBe("trailers");
    expect(told(statusIn(grpc?.[1] as Record<string, string>))).toEqual(UNREACHABLE);
    const [web] = interrupted("application/grpc-web+proto");
    expect([web?.[0], web?.[2]]).toEqual(["data", "end"]);
    expect(told(findTrailerError(trailerParse(Buffer.from(String(web?.[1]).slice(5), "latin1"))))).toEqual(UNREACHABLE);
    const [connect] = interrupted("application/connect+json");
    expect([connect?.[0], connect?.[2]]).toEqual(["data", "end"]);
    const last = endStreamFromJson(Buffer.from(String(connect?.[1]).slice(5), "latin1"));
    expect(last.error?.code).toBe(Code.Unavailable);
  });

  test("in the middle of an answer that has no place for an error resets it", () => {
    expect(interrupted("application/json")).toEqual([["reset", ErrorCode.INTERNAL_ERROR]]);
  });

  test("after the answer is nobody's concern", () => {
    const { call, instance } = start();
    const caller = call({ end: true });
    const { stream } = instance();
    stream.headers({ ":status": "200", "grpc-status": "0" }, true);
    stream.breaks(ErrorCode.INTERNAL_ERROR, "connection");
    caller.breaks(ErrorCode.INTERNAL_ERROR, "connection");
    expect(caller.sent).toHaveLength(1);
    expect(stream.sent).toEqual([]);
  });
});

describe("an answer that is complete before its request", () => {
  const early = () => {
    const started = start();
    const caller = started.call();
    caller.data("begin");
    const { stream } = started.instance();
    stream.headers({ ":status": "200", "grpc-status": "12" }, true);
    return { ...started, caller, stream };
  };

  test("leaves the caller no stall: what it still sends is taken, and goes no further", () => {
    const { caller, stream } = early();
    caller.data("more");
    expect(caller.consumed).toBe(9);
    caller.data("end", true);
    expect(stream.sent).toEqual([["data", "begin", "more"]]);
    expect(caller.sent).toHaveLength(1);
  });

  test("stops a caller that goes on", async () => {
    const { caller, time } = early();
    await time.advance(100);
    expect(caller.sent.at(-1)).toEqual(["reset", ErrorCode.NO_ERROR]);
  });

  test("lets the instance end the rest, and does it where the instance does not", async () => {
    const ended = early();
    ended.stream.breaks(ErrorCode.NO_ERROR, "peer");
    await ended.time.advance(5_000);
    expect(ended.stream.sent).toEqual([["data", "begin", "more"]]);

    const { stream, time } = early();
    await time.advance(2_000);
    expect(stream.sent.at(-1)).toEqual(["reset", ErrorCode.NO_ERROR]);
  });
});

describe("a call that the instance did not begin", () => {
  test("is sent again, to the next one, with what there is of its body", () => {
    const { call, asked } = start();
    const caller = call({ route: { another: () => fakeCandidate("loom:2") } });
    caller.data("all", true);
    asked[0]?.stream.breaks(ErrorCode.REFUSED_STREAM, "unprocessed");
    expect(caller.sent).toEqual([]);
    expect(asked.map(({ address, end }) => [address, end])).toEqual([
      ["loom:1", false],
      ["loom:2", false],
    ]);
    expect(asked[1]?.stream.sent).toEqual([["data", "all", "end"]]);
    expect(asked[1]?.headers).toEqual(asked[0]?.headers);
    asked[1]?.stream.headers({ ":status": "200", "grpc-status": "0" }, true);
    expect(caller.sent).toHaveLength(1);
    expect(caller.consumed).toBe(3);
  });

  test("is sent again without a body, or with one that goes on", () => {
    const { call, asked } = start();
    call({ end: true });
    asked[0]?.stream.breaks(ErrorCode.REFUSED_STREAM, "unprocessed");
    expect(asked[1]?.end).toBe(true);
    const caller = call();
    caller.data("one");
    asked[2]?.stream.breaks(ErrorCode.REFUSED_STREAM, "unprocessed");
    caller.data("two", true);
    expect(asked[3]?.stream.sent).toEqual([
      ["data", "one", "more"],
      ["data", "two", "end"],
    ]);
    expect(caller.consumed).toBe(6);
  });

  test("is not sent again when more of it is gone than was kept", () => {
    const { call, asked } = start();
    const caller = call();
    caller.data("one");
    caller.data("two");
    asked[0]?.stream.breaks(ErrorCode.REFUSED_STREAM, "unprocessed");
    expect(asked).toHaveLength(1);
    expect(refusalTo(caller)).toEqual(UNREACHABLE);
  });

  test("is not sent for ever", () => {
    const { call, asked } = start();
    const caller = call({ end: true });
    for (let i = 0; i < 3; i++) asked[i]?.stream.breaks(ErrorCode.REFUSED_STREAM, "unprocessed");
    expect(asked).toHaveLength(3);
    expect(refusalTo(caller)).toEqual(UNREACHABLE);
  });
});

describe("a call that waits for a connection", () => {
  test("keeps what comes, unacknowledged, and sends it then", async () => {
    const { call, asked, hold } = start();
    const connection = hold();
    const caller = call();
    caller.data("one");
    caller.data("two", true);
    expect([asked.length, caller.consumed]).toEqual([0, 0]);
    connection.connect();
    await turn();
    expect(asked[0]?.stream.sent).toEqual([
      ["data", "one", "more"],
      ["data", "two", "end"],
    ]);
    expect(caller.consumed).toBe(6);
  });

  test("is not sent when its caller has gone", async () => {
    const { call, asked, hold } = start();
    const connection = hold();
    const caller = call();
    caller.breaks(ErrorCode.CANCEL, "peer");
    connection.connect();
    await turn();
    expect(asked).toEqual([]);
    expect(caller.sent).toEqual([]);
  });

  test("goes to another instance when there is none, and is UNAVAILABLE when there is no other", async () => {
    const { call, asked, dead } = start();
    dead.add("loom:1");
    const caller = call({ end: true, route: { another: () => fakeCandidate("loom:2") } });
    const alone = call({ end: true, route: { another: () => fakeCandidate("loom:1") } });
    await turn();
    expect(asked.map(({ address }) => address)).toEqual(["loom:2"]);
    expect(caller.sent).toEqual([]);
    expect(refusalTo(alone)).toEqual(UNREACHABLE);
  });
});

describe("an instance that is hung", () => {
  const LATE = { code: "DeadlineExceeded", reason: "DEADLINE_EXCEEDED", mayRetry: false };

  test("is given up after the route's time: the call is cancelled there, and answered here", async () => {
    const { call, instance, time } = start();
    const caller = call({ end: true, route: { timeoutMs: 1_000 } });
    await time.advance(999);
    expect(caller.sent).toEqual([]);
    await time.advance(201);
    expect(refusalTo(caller)).toEqual(LATE);
    expect(instance().stream.sent).toEqual([["reset", ErrorCode.CANCEL]]);
  });

  test("is given up in the middle of an answer as well", async () => {
    const { call, instance, time } = start();
    const caller = call({ end: true, route: { timeoutMs: 1_000 } });
    instance().stream.headers({ ":status": "200", "content-type": "application/grpc" });
    await time.advance(1_200);
    expect(told(statusIn(caller.sent.at(-1)?.[1] as Record<string, string>))).toEqual(LATE);
  });

  test("is given up while there is no connection", async () => {
    const { call, asked, hold, time } = start();
    const connection = hold();
    const caller = call({ end: true, route: { timeoutMs: 1_000 } });
    await time.advance(1_200);
    connection.connect();
    await turn();
    expect(refusalTo(caller)).toEqual(LATE);
    expect(asked).toEqual([]);
  });

  test("no timer runs when every call is over", async () => {
    const { call, instance, time } = start();
    for (let i = 0; i < 100; i++) {
      call({ end: true, route: { timeoutMs: 30_000 } });
      instance().stream.headers({ ":status": "200", "grpc-status": "0" }, true);
    }
    await time.advance(200);
    expect(time.pending()).toBe(0);
  });
});

describe("the balancer hears of a call", () => {
  const GRPC = { ":status": "200", "content-type": "application/grpc" };

  test("that it is sent, answered, and over when its answer is", () => {
    const { call, instance, told } = start();
    const caller = call();
    expect(told).toEqual(["begin"]);
    caller.data("all", true);
    expect(told).toEqual(["begin", "sent"]);
    instance().stream.headers(GRPC);
    instance().stream.data("cloth");
    expect(told).toEqual(["begin", "sent", "answered"]);
    instance().stream.trailers({ "grpc-status": "0" });
    caller.breaks(ErrorCode.CANCEL, "peer");
    expect(told).toEqual(["begin", "sent", "answered", "ok"]);
  });

  test("what its status says of the instance, from trailers or where these are all there is", () => {
    for (const [status, outcome] of [
      ["5", "ok"],
      ["13", "failed"],
      ["14", "failed"],
      ["8", "overloaded"],
      ["1", "left"],
    ] as const) {
      const { call, instance, told } = start();
      call({ end: true });
      instance().stream.headers({ ...GRPC, "grpc-status": status }, true);
      expect(told.at(-1)).toBe(outcome);
    }
    const { call, instance, told } = start();
    call({ end: true });
    instance().stream.headers({ ":status": "502" });
    instance().stream.data("bad gateway", true);
    expect(told.at(-1)).toBe("failed");
  });

  test("that its caller has left, its time is up, or the way to the instance is broken", async () => {
    const gone = start();
    gone.call({ end: true }).breaks(ErrorCode.CANCEL, "peer");
    expect(gone.told).toEqual(["begin", "sent", "left unanswered"]);

    const late = start();
    late.call({ end: true, route: { timeoutMs: 1_000 } });
    await late.time.advance(1_200);
    expect(late.told).toEqual(["begin", "sent", "late unanswered"]);

    for (const [code, cause, outcome] of [
      [ErrorCode.INTERNAL_ERROR, "connection", "failed unanswered"],
      [ErrorCode.INTERNAL_ERROR, "peer", "failed unanswered"],
      [ErrorCode.ENHANCE_YOUR_CALM, "peer", "overloaded unanswered"],
      [ErrorCode.CANCEL, "peer", "left unanswered"],
    ] as const) {
      const { call, instance, told } = start();
      call({ end: true });
      instance().stream.breaks(code, cause);
      expect(told.at(-1)).toBe(outcome);
    }
  });

  test("of each instance that it is sent to, or could not be for want of a connection", async () => {
    const { call, asked, dead, told } = start();
    dead.add("loom:1");
    const other = fakeCandidate("loom:2");
    const third = fakeCandidate("loom:3");
    const avoided: string[][] = [];
    call({
      end: true,
      route: {
        another(avoid) {
          avoided.push([...avoid]);
          return avoid.includes("loom:2") ? third : other;
        },
      },
    });
    await turn();
    asked[0]?.stream.breaks(ErrorCode.REFUSED_STREAM, "unprocessed");
    asked[1]?.stream.headers({ ...GRPC, "grpc-status": "0" }, true);
    expect([told, other.told, third.told]).toEqual([
      ["begin", "failed"],
      ["begin", "sent", "overloaded unanswered"],
      ["begin", "sent", "answered", "ok"],
    ]);
    expect(avoided).toEqual([["loom:1"], ["loom:1", "loom:2"]]);
  });

  test("no time of a stream, which answers when there is something to say, nor of what the caller is slow to send", () => {
    const { call, instance, told } = start();
    call({ end: true, route: { isUnary: false } });
    instance().stream.headers(GRPC);
    instance().stream.trailers({ "grpc-status": "0" });
    expect(told).toEqual(["begin", "ok"]);
    const early = start();
    early.call().data("begin");
    early.instance().stream.headers({ ...GRPC, "grpc-status": "12" }, true);
    expect(early.told).toEqual(["begin", "ok"]);
  });
});
