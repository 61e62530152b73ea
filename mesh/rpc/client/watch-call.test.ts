import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { systemRuntime } from "../../runtime/index.ts";
import { fakeTime } from "../../testing/fake-time.ts";
import type { Echo } from "../fixtures/echo-contract.ts";
import { startConnectPeer } from "./fixtures/connect-peer.ts";
import { countedSignal } from "./fixtures/counted-signal.ts";
import { drain, echo, failureOf } from "./fixtures/echo-client.ts";

const runtime = systemRuntime();
const never = new Promise<never>(() => undefined);

async function* forever(): AsyncIterable<Pick<Echo, "text">> {
  yield { text: "one" };
  await never;
}

describe("deadlines", () => {
  test("end a call on both sides, whether it waits for a reply or for the next message", async () => {
    const ended: string[] = [];
    const peer = await startConnectPeer({
      async say(_, { signal }) {
        signal.addEventListener("abort", () => ended.push("say"));
        return never;
      },
      async *converse(requests, { signal }) {
        signal.addEventListener("abort", () => ended.push("converse"));
        for await (const { text } of requests) yield { text };
      },
    });
    const client = echo(peer.url);
    expect((await failureOf(client.say({}, { timeoutMs: 30 }))).code).toBe(Code.DeadlineExceeded);
    expect((await failureOf(drain(client.converse(forever(), { timeoutMs: 30 })))).code).toBe(Code.DeadlineExceeded);
    await expect.poll(() => ended.sort()).toEqual(["converse", "say"]);
  });

  test("are told to the server, the default where the call has none", async () => {
    const left: (number | undefined)[] = [];
    const peer = await startConnectPeer({
      say(_, context) {
        left.push(context.timeoutMs());
        return {};
      },
    });
    const client = echo(peer.url, { defaultTimeoutMs: 5_000 });
    await client.say({}, { timeoutMs: 60_000 });
    await client.say({});
    await client.say({}, { timeoutMs: 0 });
    expect(left[0]).toBeGreaterThan(50_000);
    expect(left[1]).toBeLessThanOrEqual(5_000);
    expect(left[2]).toBeUndefined();
  });

  test("end a call that is still waiting for a connection", async () => {
    const peer = await startConnectPeer({ say: () => never }, { maxConcurrentStreams: 1 });
    const client = echo(peer.url, { pool: { connectionsMax: 1 } });
    const stop = new AbortController();
    const first = failureOf(client.say({}, { signal: stop.signal }));
    await expect.poll(() => peer.sessions.length).toBe(1);
    expect((await failureOf(client.say({}, { timeoutMs: 30 }))).code).toBe(Code.DeadlineExceeded);
    stop.abort();
    expect((await first).code).toBe(Code.Canceled);
  });

  test("are counted by the runtime's clock alone", async () => {
    const time = fakeTime();
    const peer = await startConnectPeer({ say: () => never });
    const failed = failureOf(echo(peer.url, { runtime: { ...runtime, ...time } }).say({}, { timeoutMs: 60_000 }));
    await time.advance(60_000);
    expect((await failed).code).toBe(Code.DeadlineExceeded);
    expect(time.pending()).toBeGreaterThanOrEqual(0);
  });
});

describe("cancellation", () => {
  test("reaches the server, in every kind of call, and the iterable that is sent from", async () => {
    const ended: string[] = [];
    const began: string[] = [];
    const watch = (name: string, signal: AbortSignal) => {
      began.push(name);
      signal.addEventListener("abort", () => ended.push(name));
    };
    const peer = await startConnectPeer({
      say(_, { signal }) {
        watch("say", signal);
        return never;
      },
      gather(_, { signal }) {
        watch("gather", signal);
        return never;
      },
      async *repeat(_, { signal }) {
        watch("repeat", signal);
        yield never;
      },
      async *converse(requests, { signal }) {
        watch("converse", signal);
        for await (const { text } of requests) yield { text };
      },
    });
    const client = echo(peer.url);
    const stop = new AbortController();
    const { signal } = stop;
    let released = 0;
    async function* sent() {
      try {
        for (let count = 0; ; count += 1) {
          yield { text: String(count) };
          await runtime.timers.sleep(1);
        }
      } finally {
        released += 1;
      }
    }
    const calls = [
      failureOf(client.say({}, { signal })),
      failureOf(client.gather(sent(), { signal })),
      failureOf(drain(client.repeat({}, { signal }))),
      failureOf(drain(client.converse(sent(), { signal }))),
    ];
    await expect.poll(() => began.length).toBe(4);
    stop.abort();
    for (const error of await Promise.all(calls)) expect(error.code).toBe(Code.Canceled);
    await expect.poll(() => ended.sort()).toEqual(["converse", "gather", "repeat", "say"]);
    await expect.poll(() => released).toBe(2);
  });

  test("before a call begins keeps it from beginning", async () => {
    const peer = await startConnectPeer({ say: () => ({}) });
    const signal = AbortSignal.abort();
    const client = echo(peer.url);
    expect((await failureOf(client.say({}, { signal }))).code).toBe(Code.Canceled);
    expect((await failureOf(drain(client.repeat({}, { signal })))).code).toBe(Code.Canceled);
    expect(peer.sessions).toHaveLength(0);
  });

  test("with a reason of its own gives that reason", async () => {
    const peer = await startConnectPeer({ say: () => never });
    const stop = new AbortController();
    const failed = failureOf(echo(peer.url).say({}, { signal: stop.signal }));
    stop.abort(new ConnectError("changed my mind", Code.Aborted));
    expect(await failed).toMatchObject({ code: Code.Aborted, rawMessage: "changed my mind" });
  });

  test("leaves no listener on the caller's signal", async () => {
    const peer = await startConnectPeer({ say: () => ({}) });
    const client = echo(peer.url);
    const { signal, listeners } = countedSignal();
    await client.say({}, { signal });
    await client.say({}, { signal });
    expect(listeners()).toBe(0);
  });
});
