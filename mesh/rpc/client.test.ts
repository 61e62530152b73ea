import { type Client, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { expectFailure } from "../testing/expect-failure.ts";
import { fakeTime } from "../testing/fake-time.ts";
import { type Call, currentCall, runInCall } from "./call.ts";
import { grpcTransport, memoryTransport } from "./client.ts";
import { BRIEF_TIMEOUT_MS, EchoService } from "./fixtures/echo-contract.ts";
import { startEcho } from "./fixtures/echo-server.ts";

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
    for (const ms of left) expect(ms).toBeLessThanOrEqual(BRIEF_TIMEOUT_MS - 30 + 2);
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
  const { memory } = await startEcho({
    say: (_, context) => {
      expect(context.timeoutMs()).toBeUndefined();
      return {};
    },
  });
  expect(currentCall()).toBeUndefined();
  await memory.say({});
});

test("a call within a call whose deadline has passed long ago still asks for a deadline", async () => {
  const time = fakeTime();
  const asked: (number | undefined)[] = [];
  const { server } = await startEcho({
    say: (_, context) => {
      asked.push(context.timeoutMs());
      return {};
    },
  });
  const echo = createClient(EchoService, memoryTransport(server.handlers, time));
  time.clock.advance(10_000);
  const call = { deadlineMs: 1, signal: new AbortController().signal, forwarded: new Headers(), traceparent: "" };
  await runInCall(call as unknown as Call, () => echo.say({})).catch(() => undefined);
  for (const ms of asked) expect(ms).toBeLessThanOrEqual(1);
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
    const failure = await expectFailure(
      createClient(EchoService, memoryTransport([], systemRuntime())).say({ text: "a" }),
    );
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
