import type { Socket } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { systemRuntime } from "../../runtime/index.ts";
import { EchoService } from "../fixtures/echo-contract.ts";
import { startConnectPeer } from "./fixtures/connect-peer.ts";
import { createHeddleTransport, type HeddleTransportOptions } from "./heddle-transport.ts";

const { timers } = systemRuntime();

// The peer says on the console that its calls were cut, which they are meant to be.
beforeEach(() => {
  const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
  onTestFinished(() => error.mockRestore());
});

const echo = (baseUrl: string, options: Partial<HeddleTransportOptions> = {}) => {
  const transport = createHeddleTransport({ baseUrl, acceptGzip: false, ...options });
  onTestFinished(() => transport.destroy());
  return createClient(EchoService, transport);
};

const codeOf = (call: Promise<unknown>): Promise<Code | "ok"> =>
  call.then(
    () => "ok" as const,
    (error: unknown) => {
      if (error instanceof ConnectError) return error.code;
      throw error;
    },
  );

test("calls that are given up with bytes unread leave the connection's window whole", async () => {
  const text = "x".repeat(50_000);
  const peer = await startConnectPeer({
    say: ({ text }) => ({ text }),
    async *repeat() {
      for (let count = 0; count < 20; count += 1) yield { text };
    },
  });
  const client = echo(peer.url, { pool: { connectionsMax: 1 } });
  for (let round = 0; round < 60; round += 1) {
    const stop = new AbortController();
    const replies = client.repeat({}, { signal: stop.signal })[Symbol.asyncIterator]();
    await replies.next();
    await client.say({ text: "between" });
    stop.abort();
    await expect(replies.next()).rejects.toMatchObject({ code: Code.Canceled });
  }
  expect((await client.say({ text: text.repeat(20) })).text).toHaveLength(1_000_000);
  expect(peer.sessions).toHaveLength(1);
});

test("replies that nobody takes leave the connection to the other calls", async () => {
  const text = "x".repeat(50_000);
  const peer = await startConnectPeer({
    say: ({ text }) => ({ text }),
    async *repeat() {
      for (let count = 0; count < 100; count += 1) yield { text };
    },
  });
  const client = echo(peer.url, { pool: { connectionsMax: 1 } });
  const held = Array.from({ length: 10 }, () => client.repeat({})[Symbol.asyncIterator]());
  await Promise.all(held.map((replies) => replies.next()));
  expect((await client.say({ text: text.repeat(20) })).text).toHaveLength(1_000_000);
  for (const replies of held) {
    let count = 1;
    while ((await replies.next()).done !== true) count += 1;
    expect(count).toBe(100);
  }
});

test("connections that are cut again and again leave no call without an end, and no stream open", async () => {
  let open = 0;
  const peer = await startConnectPeer({
    async say({ text }, { signal }) {
      open += 1;
      await timers.sleep(Math.min(20, text.length), signal).finally(() => {
        open -= 1;
      });
      return { text };
    },
    async *converse(requests) {
      open += 1;
      try {
        for await (const { text } of requests) yield { text };
      } finally {
        open -= 1;
      }
    },
  });
  const sockets: Socket[] = [];
  peer.server.on("connection", (socket: Socket) => sockets.push(socket));
  const client = echo(peer.url);
  async function* sent() {
    for (let count = 0; count < 5; count += 1) {
      yield { text: "x".repeat(count * 1_000) };
      await timers.sleep(1);
    }
  }
  const talk = async () => {
    for await (const _ of client.converse(sent()));
  };
  let stopping = false;
  const seen = new Map<Code | "ok", number>();
  const callers = Array.from({ length: 40 }, async (_, index) => {
    while (!stopping) {
      const code = await codeOf(index % 2 === 0 ? client.say({ text: "x".repeat(index) }) : talk());
      seen.set(code, (seen.get(code) ?? 0) + 1);
      if (code !== "ok") await timers.sleep(1);
    }
  });
  for (let cut = 0; cut < 50; cut += 1) {
    const before = seen.get("ok") ?? 0;
    await expect.poll(() => seen.get("ok") ?? 0, { interval: 1 }).toBeGreaterThan(before);
    sockets.at(-1)?.destroy();
  }
  stopping = true;
  await Promise.all(callers);
  expect([...seen.keys()].sort()).toEqual([Code.Unavailable, "ok"]);
  await expect.poll(() => open).toBe(0);
  expect((await client.say({ text: "a" })).text).toBe("a");
});

test("a server that drains again and again loses no unary call", async () => {
  const peer = await startConnectPeer({ say: ({ text }) => ({ text }) });
  const client = echo(peer.url);
  let stopping = false;
  const codes = new Set<Code | "ok">();
  let calls = 0;
  const callers = Array.from({ length: 20 }, async () => {
    while (!stopping) {
      codes.add(await codeOf(client.say({ text: "a" })));
      calls += 1;
    }
  });
  for (let drain = 0; drain < 20; drain += 1) {
    await timers.sleep(5);
    // What it has begun it finishes, and says of the others that it has not.
    for (const session of peer.sessions) if (!session.closed && !session.destroyed) session.close();
  }
  stopping = true;
  await Promise.all(callers);
  expect([...codes]).toEqual(["ok"]);
  expect(calls).toBeGreaterThan(100);
  expect(peer.sessions.length).toBeGreaterThan(10);
});
