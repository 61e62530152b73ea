import { type Client, Code, createClient } from "@connectrpc/connect";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { describe, expect, test } from "vitest";
import { fail, reasons } from "../contract/fail.ts";
import { systemRuntime } from "../runtime/index.ts";
import { expectFailure } from "../testing/expect-failure.ts";
import { fakeTime } from "../testing/fake-time.ts";
import { type Call, currentCall, runInCall } from "./call.ts";
import { grpcTransport, memoryTransport, WAY_BACK_MS } from "./client.ts";
import { BRIEF_TIMEOUT_MS, EchoService } from "./fixtures/echo-contract.ts";
import { startEcho } from "./fixtures/echo-server.ts";

const GONE = reasons("echo.v1")("GONE", Code.NotFound, "It is gone.");

type Echo = Client<typeof EchoService>;
const { timers } = systemRuntime();

/** Two services in a row, over sockets or in memory: `first` passes what it is asked on to `second`. */
const chain = async (
  way: "client" | "memory",
  firstHandlers: (second: Echo) => Parameters<typeof startEcho>[0],
  secondHandlers: Parameters<typeof startEcho>[0],
) => {
  const second = await startEcho(secondHandlers);
  const first = await startEcho(firstHandlers(second[way]));
  return first[way];
};

describe.each(["client", "memory"] as const)("a call that is made for another one (%s)", (way) => {
  test("gets what is left of its deadline, or less", async () => {
    const left: (number | undefined)[] = [];
    const first = await chain(
      way,
      (second) => ({
        async brief() {
          await timers.sleep(30);
          await second.say({}, { timeoutMs: 60_000 });
          await second.say({});
          await second.say({}, { timeoutMs: 5_000 });
          return second.say({}, { timeoutMs: 10 });
        },
      }),
      {
        say(_, context) {
          left.push(context.timeoutMs());
          return {};
        },
      },
    );
    await first.brief({});
    expect(left).toHaveLength(4);
    for (const ms of left) expect(ms).toBeLessThanOrEqual(BRIEF_TIMEOUT_MS - 30 - WAY_BACK_MS + 2);
    expect(left[3]).toBeLessThanOrEqual(10);
  });

  test("that is late already fails by its deadline, and is not made without one", async () => {
    const first = await chain(
      way,
      (second) => ({
        async brief(_, { signal }) {
          const failed = new Promise((resolve) => signal.addEventListener("abort", resolve));
          await failed;
          return second.say({});
        },
      }),
      {},
    );
    expect(await expectFailure(first.brief({}))).toMatchObject({ code: "DeadlineExceeded" });
  });

  test("has its trace, and its authorization", async () => {
    const seen: { traceparent?: string; authorization?: string | null; cookie?: string | null } = {};
    const first = await chain(way, (second) => ({ say: ({ text }) => second.say({ text }) }), {
      say(_, { requestHeader }) {
        seen.traceparent = currentCall()?.traceparent ?? "";
        seen.authorization = requestHeader.get("authorization");
        seen.cookie = requestHeader.get("cookie");
        return {};
      },
    });
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01`, authorization: "Bearer abc", cookie: "a=b" };
    await first.say({}, { headers });
    expect(seen).toEqual({
      traceparent: expect.stringMatching(new RegExp(`^00-${trace}-`)),
      authorization: "Bearer abc",
      cookie: null,
    });
  });

  test("may be made in another name", async () => {
    let seen: string | null = null;
    const first = await chain(
      way,
      (second) => ({ say: () => second.say({}, { headers: { authorization: "Bearer own" } }) }),
      {
        say(_, { requestHeader }) {
          seen = requestHeader.get("authorization");
          return {};
        },
      },
    );
    await first.say({}, { headers: { authorization: "Bearer theirs" } });
    expect(seen).toBe("Bearer own");
  });

  test("is cancelled with it", async () => {
    const began = Promise.withResolvers<AbortSignal>();
    const first = await chain(way, (second) => ({ say: () => second.say({}) }), {
      say(_, { signal }) {
        began.resolve(signal);
        return new Promise<never>(() => undefined);
      },
    });
    const stop = new AbortController();
    const failure = expectFailure(first.say({}, { signal: stop.signal }));
    const inner = await began.promise;
    stop.abort();
    expect((await failure).code).toBe("Canceled");
    await expect.poll(() => inner.aborted).toBe(true);
  });

  test("and was left open ends when it does", async () => {
    const ended = Promise.withResolvers<void>();
    const first = await chain(
      way,
      (second) => ({
        async say() {
          for await (const { text } of second.repeat({})) return { text };
          return {};
        },
      }),
      {
        async *repeat(_, { signal }) {
          try {
            yield { text: "one" };
            await timers.sleep(60_000, signal);
          } finally {
            ended.resolve();
          }
        },
      },
    );
    expect((await first.say({})).text).toBe("one");
    await ended.promise;
  });

  test("fails with the error that it got, in full", async () => {
    const first = await chain(way, (second) => ({ say: ({ text }) => second.say({ text: text.repeat(9) }) }), {});
    expect(await expectFailure(first.say({ text: "a" }))).toMatchObject({
      code: "InvalidArgument",
      reason: "VALIDATION_FAILED",
      fields: ["text"],
    });
  });
});

test("a call outside of any other is made as it is", async () => {
  let received: string[] = [];
  const { memory } = await startEcho({
    say: (_, { requestHeader }) => {
      received = [...requestHeader.keys()];
      return {};
    },
  });
  expect(currentCall()).toBeUndefined();
  await memory.say({});
  expect(received).toContain("content-type");
  for (const name of ["grpc-timeout", "traceparent", "authorization"]) expect(received).not.toContain(name);
});

test("a call within a call whose answer would come after the deadline fails at once, and nothing is sent", async () => {
  const time = fakeTime();
  const asked: (number | undefined)[] = [];
  const { server } = await startEcho({
    say: (_, context) => {
      asked.push(context.timeoutMs());
      return {};
    },
  });
  const echo = createClient(EchoService, memoryTransport(server, time));
  time.clock.advance(10_000);
  const call = {
    deadlineMs: 10_000 + WAY_BACK_MS,
    aborted: false,
    onEnd: () => () => undefined,
    forwarded: [],
    traceparent: "",
  };
  const failed = runInCall(call as unknown as Call, () => echo.say({}));
  expect(await expectFailure(failed)).toMatchObject({ code: "DeadlineExceeded" });
  expect(asked).toEqual([]);
});

describe.each(["client", "memory"] as const)("a stream (%s)", (way) => {
  test("carries messages both ways, in order, to the last", async () => {
    const { [way]: echo } = await startEcho();
    async function* sent() {
      for (let count = 0; count < 2_000; count += 1) yield { text: String(count), requestId: "x".repeat(count % 500) };
    }
    const received: string[] = [];
    for await (const { text } of echo.converse(sent())) received.push(text);
    expect(received).toEqual(Array.from({ length: 2_000 }, (_, count) => String(count)));
  });

  test("is held back by a reader who takes nothing", async () => {
    let sent = 0;
    const { [way]: echo } = await startEcho({
      async *repeat() {
        for (; sent < 1_000; sent += 1) yield { requestId: "x".repeat(10_000) };
      },
    });
    const replies = echo.repeat({})[Symbol.asyncIterator]();
    await replies.next();
    let before = -1;
    await expect
      .poll(() => {
        const still = sent === before;
        before = sent;
        return still;
      })
      .toBe(true);
    expect(sent).toBeLessThan(500);
    let received = 1;
    while ((await replies.next()).done !== true) received += 1;
    expect(received).toBe(1_000);
  });

  test("that fails gives what came before, then the error with its metadata", async () => {
    const { [way]: echo } = await startEcho({
      async *repeat() {
        yield { text: "one" };
        yield { text: "two" };
        throw fail(GONE, { what: "thread" });
      },
    });
    const received: string[] = [];
    const failure = expectFailure(
      (async () => {
        for await (const { text } of echo.repeat({})) received.push(text);
      })(),
    );
    expect(await failure).toMatchObject({ code: "NotFound", reason: "GONE", metadata: { what: "thread" } });
    expect(received).toEqual(["one", "two"]);
  });
});

test("a server in memory that has stopped is UNAVAILABLE, and lets its calls end before", async () => {
  const gate = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const { server, memory } = await startEcho({
    async say() {
      began.resolve();
      await gate.promise;
      return { text: "late" };
    },
  });
  const running = memory.say({});
  await began.promise;
  const drained = server.drain(10_000);
  await expect.poll(async () => (await expectFailure(memory.brief({}))).code).toBe("Unavailable");
  gate.resolve();
  expect((await running).text).toBe("late");
  expect(await drained).toBe(0);
});

describe("calls in memory", () => {
  test("share no object between the two sides", async () => {
    const kept: { text: string }[] = [];
    const { memory } = await startEcho({
      say(request) {
        kept.push(request);
        return request;
      },
    });
    const sent = { text: "mine" };
    const received = await memory.say(sent);
    received.text = "changed";
    sent.text = "changed";
    expect(kept).toMatchObject([{ text: "mine" }]);
  });

  test("are refused as they would be over a socket when nobody serves the method", async () => {
    const { server } = await startEcho();
    const elsewhere = createClient(Health, memoryTransport(server, systemRuntime()));
    const failure = await expectFailure(elsewhere.check({}));
    expect(failure.code).toBe("Unimplemented");
  });
});

test("a transport finds its server again after a restart", async () => {
  const first = await startEcho();
  const echo = createClient(EchoService, grpcTransport(first.url, systemRuntime()));
  expect((await echo.say({ text: "a" })).text).toBe("a");
  await first.server.drain(100);
  // Whether or not the news of the drain has come: it is not ours to say that something is broken.
  expect(await expectFailure(echo.say({ text: "b" }))).toMatchObject({ code: "Unavailable" });
  expect(await expectFailure(echo.say({ text: "b" }))).toMatchObject({ code: "Unavailable" });
  const second = await startEcho({}, { port: first.port });
  expect(second.port).toBe(first.port);
  expect((await echo.say({ text: "c" })).text).toBe("c");
});
