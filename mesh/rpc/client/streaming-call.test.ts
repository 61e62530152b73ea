import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { systemRuntime } from "../../runtime/index.ts";
import { EchoService } from "../fixtures/echo-contract.ts";
import { startConnectPeer } from "./fixtures/connect-peer.ts";
import { connect, echo, failureOf } from "./fixtures/echo-client.ts";

const runtime = systemRuntime();
const never = new Promise<never>(() => undefined);

describe("back-pressure", () => {
  test("a server that does not read stops the iterable that is sent from", async () => {
    const gate = Promise.withResolvers<void>();
    const peer = await startConnectPeer({
      async gather(requests) {
        await gate.promise;
        let count = 0n;
        for await (const _ of requests) count += 1n;
        return { count };
      },
    });
    const text = "x".repeat(10_000);
    let taken = 0;
    async function* sent() {
      for (; taken < 1_000; taken += 1) yield { text };
    }
    const reply = echo(peer.url).gather(sent());
    let before = -1;
    await expect
      .poll(() => {
        const still = taken === before;
        before = taken;
        return still && taken > 0;
      })
      .toBe(true);
    expect(taken).toBeLessThan(500);
    gate.resolve();
    expect((await reply).count).toBe(1_000n);
    expect(taken).toBe(1_000);
  });

  test("a consumer that does not read stops the server", async () => {
    const text = "x".repeat(10_000);
    let sent = 0;
    const peer = await startConnectPeer({
      async *repeat() {
        for (; sent < 1_000; sent += 1) yield { text };
      },
    });
    const replies = echo(peer.url, { acceptGzip: false }).repeat({})[Symbol.asyncIterator]();
    expect((await replies.next()).done).toBe(false);
    let before = -1;
    await expect
      .poll(() => {
        const still = sent === before;
        before = sent;
        return still && sent > 0;
      })
      .toBe(true);
    expect(sent).toBeLessThan(500);
    let received = 1;
    while ((await replies.next()).done !== true) received += 1;
    expect(received).toBe(1_000);
  });
});

test("a response that ends while the request goes on releases the iterable that is sent from", async () => {
  const peer = await startConnectPeer({ gather: () => Promise.reject(new ConnectError("enough", Code.OutOfRange)) });
  let released = false;
  async function* sent() {
    try {
      for (;;) {
        yield { text: "a" };
        await runtime.timers.sleep(1);
      }
    } finally {
      released = true;
    }
  }
  expect(await failureOf(echo(peer.url).gather(sent()))).toMatchObject({ code: Code.OutOfRange });
  await expect.poll(() => released).toBe(true);
});

test("a consumer that leaves its iterator cancels the call", async () => {
  let aborted = false;
  const peer = await startConnectPeer({
    async *repeat(_, { signal }) {
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      yield { text: "a" };
      await never;
    },
  });
  const transport = connect(peer.url);
  async function* one() {
    yield { text: "a" };
  }
  const { message } = await transport.stream(EchoService.method.repeat, undefined, undefined, undefined, one());
  for await (const _ of message) break;
  await expect.poll(() => aborted).toBe(true);
});
