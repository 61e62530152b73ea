import { getEventListeners, once } from "node:events";
import { connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { describe, expect, test } from "vitest";
import { fail, reasons } from "../contract/fail.ts";
import { systemRuntime } from "../runtime/index.ts";
import { expectFailure } from "../testing/expect-failure.ts";
import { fakeTime } from "../testing/fake-time.ts";
import { AlreadyApplied, type Call, currentCall } from "./call.ts";
import { BRIEF_TIMEOUT_MS, EchoSchema } from "./fixtures/echo-contract.ts";
import { startEcho } from "./fixtures/echo-server.ts";

const { timers } = systemRuntime();
const REQUEST_ID = "0b8a2a3e-6f0e-4c49-9d0b-6a2a3f0f8c11";
const reason = reasons("echo.v1");
const NOT_TODAY = reason("NOT_TODAY", Code.FailedPrecondition, "Not on {day}.");

/** The one log line of each call. */
const callsIn = (log: readonly Record<string, unknown>[]) => log.filter(({ msg }) => msg === "call");

async function* messages(...texts: string[]) {
  for (const text of texts) yield { text };
}

const collect = async (replies: AsyncIterable<{ text: string }>) => {
  const texts: string[] = [];
  for await (const { text } of replies) texts.push(text);
  return texts;
};

/** The one call that the handler saw. */
const spy = () => {
  const seen: { call?: Call } = {};
  const handler = ({ text }: { text: string }) => {
    const call = currentCall();
    if (call !== undefined) seen.call = call;
    return { text };
  };
  return { seen, handler };
};

test("every kind of call is answered by its handler, over a socket and in memory", async () => {
  const { client, memory } = await startEcho();
  for (const way of [client, memory]) {
    expect((await way.say({ text: "hi" })).text).toBe("hi");
    expect((await way.gather(messages("a", "b"))).text).toBe("ab");
    expect(await collect(way.repeat({ text: "abc" }))).toEqual(["a", "b", "c"]);
    expect(await collect(way.converse(messages("x", "y")))).toEqual(["x", "y"]);
  }
});

describe("the log", () => {
  test("has one line per call: method, code, duration, peer, protocol and trace id", async () => {
    const { client, log } = await startEcho();
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    await client.say({ text: "hi" }, { headers: { traceparent } });
    await collect(client.repeat({ text: "ab" }));
    expect(callsIn(log)).toEqual([
      expect.objectContaining({
        level: "info",
        method: "echo.v1.EchoService/Say",
        code: "OK",
        durationMs: expect.any(Number),
        peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        protocol: "grpc",
        traceId: "a".repeat(32),
      }),
      expect.objectContaining({ method: "echo.v1.EchoService/Repeat", code: "OK" }),
    ]);
  });

  test("tells an expected failure by its reason, and keeps its level", async () => {
    const { memory, log } = await startEcho({
      say() {
        throw fail(NOT_TODAY, { day: "Monday" });
      },
    });
    expect(await expectFailure(memory.say({}))).toMatchObject({
      code: "FailedPrecondition",
      reason: "NOT_TODAY",
      message: "Not on Monday.",
    });
    expect(callsIn(log)).toEqual([
      expect.objectContaining({ level: "info", code: "FailedPrecondition", reason: "NOT_TODAY", peer: "memory" }),
    ]);
  });
});

describe("an error that is not ours", () => {
  const secret = "SELECT password FROM users";
  const broken = () => {
    throw new TypeError(secret);
  };

  test.each(["client", "memory"] as const)(
    "reaches a caller (%s) as INTERNAL with an id, and with nothing of its cause",
    async (way) => {
      const { [way]: client, log } = await startEcho({
        say: broken,
        repeat: broken,
        gather: broken,
        async *converse() {
          yield { text: "first" };
          broken();
        },
      });
      const calls = [
        () => client.say({}),
        () => collect(client.repeat({})),
        () => client.gather(messages("a")),
        () => collect(client.converse(messages("a"))),
      ];
      for (const call of calls) {
        const error = ConnectError.from(await call().catch((thrown: unknown) => thrown));
        const [info] = error.findDetails(ErrorInfoSchema);
        expect(Code[error.code]).toBe("Internal");
        expect(info?.reason).toBe("INTERNAL");
        const sent = JSON.stringify([error.rawMessage, error.details, [...error.metadata]]);
        expect(sent).not.toContain("SELECT");
        expect(sent).not.toContain("TypeError");
        const line = callsIn(log).find(({ errorId }) => errorId === info?.metadata.errorId);
        expect(line).toMatchObject({ level: "error", code: "Internal", err: { type: "TypeError", message: secret } });
      }
    },
  );

  test("is one as well when what was thrown is no error", async () => {
    for (const thrown of [undefined, null, "text", 7, { code: 5 }]) {
      const { memory } = await startEcho({
        say() {
          throw thrown;
        },
      });
      expect(await expectFailure(memory.say({}))).toMatchObject({ code: "Internal", reason: "INTERNAL" });
    }
  });

  test("does not pass on the headers of a service that was called", async () => {
    const { memory } = await startEcho({
      say() {
        const error = new ConnectError("no", Code.NotFound, { "x-secret": "1", "set-cookie": "2" });
        throw error;
      },
    });
    const error = ConnectError.from(await memory.say({}).catch((thrown: unknown) => thrown));
    expect(error.metadata.has("x-secret")).toBe(false);
  });
});

describe("the order", () => {
  test("is deadline, validation, request id, handler", async () => {
    const steps: string[] = [];
    const { client } = await startEcho(
      {
        say() {
          steps.push("handler");
          throw fail(NOT_TODAY, { day: "any" });
        },
      },
      {
        findReply: async () => {
          steps.push("request id");
          return undefined;
        },
      },
    );
    await expectFailure(client.say({ text: "much too long", requestId: REQUEST_ID }));
    expect(steps).toEqual([]);
    await expectFailure(client.say({ text: "short", requestId: REQUEST_ID }));
    expect(steps).toEqual(["request id", "handler"]);
  });

  test("a call that is late is refused before its request is looked at", async () => {
    const { url, log } = await startEcho();
    const body = toBinary(EchoSchema, create(EchoSchema, { text: "much too long" }));
    const headers = { "content-type": "application/proto", "connect-timeout-ms": "0" };
    const response = await fetch(`${url}/echo.v1.EchoService/Say`, { method: "POST", headers, body });
    expect(await response.json()).toMatchObject({ code: "deadline_exceeded" });
    expect(callsIn(log)).toEqual([expect.objectContaining({ code: "DeadlineExceeded" })]);
  });
});

describe("validation", () => {
  test.each(["client", "memory"] as const)("is of each request, and of each message of a stream (%s)", async (way) => {
    let handled = 0;
    const { [way]: client } = await startEcho({
      say: ({ text }) => {
        handled++;
        return { text };
      },
      async *repeat() {
        handled++;
        yield { text: "" };
      },
    });
    const invalid = { code: "InvalidArgument", reason: "VALIDATION_FAILED", fields: ["text"] };
    expect(await expectFailure(client.say({ text: "much too long" }))).toMatchObject(invalid);
    expect(await expectFailure(collect(client.repeat({ text: "much too long" })))).toMatchObject(invalid);
    expect(handled).toBe(0);
    expect(await expectFailure(client.gather(messages("short", "much too long")))).toMatchObject(invalid);
    expect(await expectFailure(collect(client.converse(messages("much too long"))))).toMatchObject(invalid);
  });

  test("of a stream lets the messages before the wrong one through", async () => {
    const { client } = await startEcho();
    const seen: string[] = [];
    const failure = await expectFailure(
      (async () => {
        for await (const { text } of client.converse(messages("a", "b", "much too long", "c"))) seen.push(text);
      })(),
    );
    expect(failure.reason).toBe("VALIDATION_FAILED");
    expect(seen).toEqual(["a", "b"]);
  });

  test("a frame that is no message is the caller's fault, also in the middle of a stream", async () => {
    const { port, log } = await startEcho();
    const session = connect(`http://127.0.0.1:${port}`);
    const stream = session.request({
      ":method": "POST",
      ":path": "/echo.v1.EchoService/Gather",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.end(Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]));
    stream.resume();
    // Trailers alone, or behind headers: gRPC allows both.
    const [answer] = await Promise.race([once(stream, "response"), once(stream, "trailers")]);
    const status = answer["grpc-status"] ?? (await once(stream, "trailers"))[0]["grpc-status"];
    expect(status).toBe(String(Code.InvalidArgument));
    expect(callsIn(log)).toEqual([expect.objectContaining({ reason: "REQUEST_MALFORMED" })]);
    session.destroy();
  });
});

describe("the deadline", () => {
  const never = () => new Promise<never>(() => undefined);
  const late = { code: "DeadlineExceeded", reason: "DEADLINE_EXCEEDED" };

  test("is the contract's where the caller asks for none, or for more", async () => {
    const time = fakeTime();
    const signals: AbortSignal[] = [];
    const { memory } = await startEcho(
      {
        brief(_, { signal }) {
          signals.push(signal);
          expect(currentCall()?.deadlineMs).toBe(time.clock.monotonicMs() + BRIEF_TIMEOUT_MS);
          return never();
        },
      },
      { runtime: { ...systemRuntime(), ...time } },
    );
    for (const timeoutMs of [undefined, 60_000]) {
      const failure = expectFailure(memory.brief({}, timeoutMs === undefined ? {} : { timeoutMs }));
      await time.advance(BRIEF_TIMEOUT_MS - 1);
      expect(signals.at(-1)?.aborted).toBe(false);
      await time.advance(1);
      expect(await failure).toMatchObject(late);
      expect(signals.at(-1)?.aborted).toBe(true);
    }
    expect(signals).toHaveLength(2);
  });

  test("is the caller's where that is nearer", async () => {
    const { client } = await startEcho({ brief: never });
    const startMs = systemRuntime().clock.monotonicMs();
    expect(await expectFailure(client.brief({}, { timeoutMs: 20 }))).toMatchObject({ code: "DeadlineExceeded" });
    expect(systemRuntime().clock.monotonicMs() - startMs).toBeLessThan(BRIEF_TIMEOUT_MS);
  });

  test("is the mesh's own for a unary method whose contract says nothing, and a stream has none", async () => {
    const seen: (number | undefined)[] = [];
    const { memory } = await startEcho(
      {
        say() {
          seen.push(currentCall()?.deadlineMs);
          return {};
        },
        // biome-ignore lint/correctness/useYield: a stream that is empty
        async *repeat() {
          seen.push(currentCall()?.deadlineMs);
        },
      },
      { runtime: { ...systemRuntime(), ...fakeTime() }, limits: { callTimeoutMs: 1234 } },
    );
    await memory.say({});
    await collect(memory.repeat({}));
    expect(seen).toEqual([1234, undefined]);
  });

  test("ends a stream in the middle, and its handler with it", async () => {
    let ended = false;
    const { client } = await startEcho({
      async *repeat(_, { signal }) {
        try {
          for (;;) {
            yield { text: "." };
            await timers.sleep(5, signal);
          }
        } finally {
          ended = true;
        }
      },
    });
    const failure = await expectFailure(collect(client.repeat({}, { timeoutMs: 30 })));
    expect(failure.code).toBe("DeadlineExceeded");
    await expect.poll(() => ended).toBe(true);
  });

  test("leaves no timer when the call is done", async () => {
    const time = fakeTime();
    const { memory } = await startEcho({}, { runtime: { ...systemRuntime(), ...time } });
    const before = time.pending();
    await memory.brief({});
    await expectFailure(memory.brief({ text: "much too long" }));
    await collect(memory.repeat({ text: "ab" }));
    expect(time.pending()).toBe(before);
  });
});

describe("a request id", () => {
  const recorded = (text: string, requestHash: Uint8Array) => ({
    requestHash,
    reply: toBinary(EchoSchema, create(EchoSchema, { text })),
  });
  const hashOfCall = () => currentCall()?.replay?.requestHash ?? new Uint8Array();

  test("that was recorded is answered with its first reply, without the handler", async () => {
    const asked: unknown[] = [];
    const { client } = await startEcho(
      {
        say() {
          throw new Error("the handler ran");
        },
      },
      {
        findReply: async (...args) => {
          asked.push(args);
          return recorded("first", hashOfCall());
        },
      },
    );
    expect((await client.say({ text: "again", requestId: REQUEST_ID })).text).toBe("first");
    expect(asked).toEqual([["echo.v1.EchoService/Say", REQUEST_ID]]);
  });

  test("that was recorded with another payload is refused", async () => {
    const { client } = await startEcho({}, { findReply: async () => recorded("first", new Uint8Array(32)) });
    expect(await expectFailure(client.say({ requestId: REQUEST_ID }))).toMatchObject({
      code: "InvalidArgument",
      reason: "REQUEST_ID_REUSED",
      fields: ["request_id"],
    });
  });

  test("that another call has committed meanwhile is answered with that call's reply", async () => {
    const { client } = await startEcho({
      say() {
        throw new AlreadyApplied(recorded("theirs", hashOfCall()));
      },
    });
    expect((await client.say({ requestId: REQUEST_ID })).text).toBe("theirs");
  });

  test("to which a handler answers without recording it is a fault of ours, and stands in the log", async () => {
    const { client, log } = await startEcho();
    expect(await expectFailure(client.say({ requestId: REQUEST_ID }))).toMatchObject({ code: "Internal" });
    expect(callsIn(log)).toEqual([
      expect.objectContaining({
        level: "error",
        err: expect.objectContaining({ message: expect.stringContaining("recorded its reply") }),
      }),
    ]);
  });

  test("is nothing special in a message of a stream", async () => {
    const { client } = await startEcho({}, { findReply: () => Promise.reject(new Error("was asked")) });
    async function* withRequestId() {
      yield { text: "a", requestId: REQUEST_ID };
    }
    expect((await client.gather(withRequestId())).text).toBe("a");
  });
});

describe("a caller that goes away", () => {
  /** A handler that tells when its finally has run. */
  const watched = () => {
    const ended = Promise.withResolvers<void>();
    const open = { call: undefined as Call | undefined, signal: undefined as AbortSignal | undefined };
    async function* endless(_: unknown, { signal }: { signal: AbortSignal }) {
      open.call = currentCall();
      open.signal = signal;
      try {
        for (;;) {
          yield { text: "." };
          await timers.sleep(1);
        }
      } finally {
        ended.resolve();
      }
    }
    return { ended: ended.promise, open, endless };
  };

  test.each(["client", "memory"] as const)("in the middle of a stream ends its handler (%s)", async (way) => {
    const { ended, open, endless } = watched();
    const { [way]: client, log } = await startEcho({ repeat: endless });
    const stop = new AbortController();
    const failure = expectFailure(
      (async () => {
        for await (const _ of client.repeat({}, { signal: stop.signal })) stop.abort();
      })(),
    );
    expect(await failure).toMatchObject({ code: "Canceled" });
    await ended;
    await expect.poll(() => callsIn(log).map(({ code }) => code)).toEqual(["Canceled"]);
    expect(open.signal?.aborted).toBe(true);
  });

  test.each(["client", "memory"] as const)("by its signal ends a unary handler's signal (%s)", async (way) => {
    const began = Promise.withResolvers<AbortSignal>();
    const { [way]: client, log } = await startEcho({
      say(_, { signal }) {
        began.resolve(signal);
        return new Promise<never>(() => undefined);
      },
    });
    const stop = new AbortController();
    const failure = expectFailure(client.say({}, { signal: stop.signal }));
    const signal = await began.promise;
    stop.abort();
    expect(await failure).toMatchObject({ code: "Canceled" });
    await expect.poll(() => signal.aborted).toBe(true);
    await expect.poll(() => callsIn(log)).toEqual([expect.objectContaining({ code: "Canceled", level: "info" })]);
  });

  test("after it stopped reading does not leave the handler waiting", async () => {
    const ended = Promise.withResolvers<void>();
    let sent = 0;
    const { port } = await startEcho({
      async *repeat() {
        try {
          for (;;) {
            sent++;
            yield { text: "x".repeat(60_000) };
          }
        } finally {
          ended.resolve();
        }
      },
    });
    const session = connect(`http://127.0.0.1:${port}`);
    session.on("error", () => undefined);
    const stream = session.request({
      ":method": "POST",
      ":path": "/echo.v1.EchoService/Repeat",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
    // Nobody reads: the window fills, and the handler is held at its yield.
    let before = -1;
    while (before !== sent) {
      before = sent;
      await timers.sleep(30);
    }
    session.destroy();
    await ended.promise;
  });

  test("keeps the handler's cleanup within its call", async () => {
    const cleaned = Promise.withResolvers<Call | undefined>();
    const { client } = await startEcho({
      async *repeat() {
        try {
          for (;;) {
            yield { text: "." };
            await timers.sleep(1);
          }
        } finally {
          cleaned.resolve(currentCall());
        }
      },
    });
    const stop = new AbortController();
    await expectFailure(
      (async () => {
        for await (const _ of client.repeat({}, { signal: stop.signal })) stop.abort();
      })(),
    );
    expect((await cleaned.promise)?.method?.name).toBe("Repeat");
  });
});

describe("draining", () => {
  test("ends streams that have no end of their own with UNAVAILABLE, and lets other calls finish", async () => {
    const began = Promise.withResolvers<void>();
    const { client, server } = await startEcho({
      async say() {
        began.resolve();
        await timers.sleep(40);
        return { text: "done" };
      },
      async *repeat(_, { signal }) {
        yield { text: "." };
        await timers.sleep(60_000, signal);
      },
      async *converse(requests) {
        yield { text: "." };
        for await (const { text } of requests) yield { text };
      },
    });
    const heard: string[] = [];
    const stream = (async () => {
      for await (const { text } of client.repeat({})) heard.push(text);
    })();
    const stop = Promise.withResolvers<void>();
    const talk = collect(
      client.converse(
        (async function* () {
          await stop.promise;
          yield { text: "never" };
        })(),
      ),
    );
    const unary = client.say({});
    await began.promise;
    await expect.poll(() => heard).toEqual(["."]);
    const cut = server.drain(5_000);
    for (const endless of [stream, talk]) {
      expect(await expectFailure(endless)).toMatchObject({
        code: "Unavailable",
        reason: "DRAINING",
        domain: "heddle.mesh",
        retryable: true,
      });
    }
    expect((await unary).text).toBe("done");
    expect(await cut).toBe(0);
    stop.resolve();
  });

  test("ends a stream of replies also when it has a deadline, which may be hours away", async () => {
    const { client, server } = await startEcho({
      async *repeat(_, { signal }) {
        yield { text: "." };
        await timers.sleep(60_000, signal);
      },
    });
    const replies = client.repeat({}, { timeoutMs: 3_600_000 })[Symbol.asyncIterator]();
    await replies.next();
    const next = expectFailure(replies.next());
    expect(await server.drain(5_000)).toBe(0);
    expect(await next).toMatchObject({ code: "Unavailable", reason: "DRAINING" });
  });

  test("counts the calls that did not finish in time, and ends their handlers", async () => {
    const began = Promise.withResolvers<AbortSignal>();
    const { client, server } = await startEcho({
      say(_, { signal }) {
        began.resolve(signal);
        return new Promise<never>(() => undefined);
      },
    });
    const failure = expectFailure(client.say({}));
    const signal = await began.promise;
    expect(await server.drain(20)).toBe(1);
    expect(signal.aborted).toBe(true);
    expect(["Unavailable", "Canceled", "Aborted", "Internal"]).toContain((await failure).code);
  });
});

describe("a trace", () => {
  test("that the caller sent goes on with a span of our own", async () => {
    const { seen, handler } = spy();
    const { client } = await startEcho({ say: handler });
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    await client.say({}, { headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` } });
    expect(seen.call?.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    expect(seen.call?.traceparent).not.toContain("00f067aa0ba902b7");
  });

  test("begins here when the caller sent none, or garbage", async () => {
    const { seen, handler } = spy();
    const { client } = await startEcho({ say: handler });
    for (const headers of [
      {},
      { traceparent: "garbage" },
      { traceparent: `00-${"0".repeat(32)}-${"1".repeat(16)}-01` },
    ]) {
      await client.say({}, { headers: new Headers(headers) });
      expect(seen.call?.traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    }
  });
});

test("ten thousand calls leave no listener on what outlives them", async () => {
  const outer = new AbortController();
  const { memory, server } = await startEcho();
  for (let i = 0; i < 100; i++) {
    await Promise.all(Array.from({ length: 20 }, () => memory.say({ text: "a" }, { signal: outer.signal })));
    await collect(memory.repeat({ text: "abc" }, { signal: outer.signal }));
  }
  expect(getEventListeners(outer.signal, "abort")).toEqual([]);
  expect(await server.drain(0)).toBe(0);
});
