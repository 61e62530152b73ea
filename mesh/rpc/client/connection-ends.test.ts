import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { Code } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../../runtime/index.ts";
import { serveSession } from "../../wire/index.ts";
import { startConnectPeer, startRawPeer } from "./fixtures/connect-peer.ts";
import { drain, echo, failureOf } from "./fixtures/echo-client.ts";

const runtime = systemRuntime();
const never = new Promise<never>(() => undefined);

describe("a connection that ends", () => {
  test("fails its calls with UNAVAILABLE, and the next call has another", async () => {
    let calls = 0;
    const peer = await startConnectPeer({
      say: () => {
        calls += 1;
        return calls === 1 ? never : {};
      },
    });
    const client = echo(peer.url);
    const failed = failureOf(client.say({}));
    await expect.poll(() => calls).toBe(1);
    for (const session of peer.sessions) session.destroy();
    expect((await failed).code).toBe(Code.Unavailable);
    await client.say({});
    expect(peer.sessions).toHaveLength(2);
  });

  test("by GOAWAY loses no call that was not begun: it is sent again, messages and all", async () => {
    const seen: string[] = [];
    let first: Http2Session | undefined;
    const peer = await startRawPeer((stream: ServerHttp2Stream) => {
      // The first connection takes one stream, and says that it began none of the others.
      first ??= stream.session;
      if (stream.session === first) {
        if (stream.id === 1) stream.session?.goaway(0, 1);
        return;
      }
      let bytes = 0;
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on("end", () => {
        seen.push(`${stream.id}: ${bytes}`);
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(Buffer.from([0, 0, 0, 0, 0]));
      });
    });
    const client = echo(peer.url);
    const stop = new AbortController();
    const begun = failureOf(client.say({ text: "begun" }, { signal: stop.signal }));
    async function* two() {
      yield { text: "abc" };
      yield { text: "abc" };
    }
    await Promise.all([client.say({ text: "abc" }), client.gather(two()), drain(client.repeat({ text: "abc" }))]);
    expect(seen.map((line) => line.split(": ")[1]).sort()).toEqual(["10", "10", "20"]);
    stop.abort();
    expect((await begun).code).toBe(Code.Canceled);
  });

  test("a peer that refuses every stream is believed after a few attempts", async () => {
    let streams = 0;
    const peer = await startRawPeer((stream) => {
      streams += 1;
      stream.close(7);
    });
    expect((await failureOf(echo(peer.url).say({}))).code).toBe(Code.Unavailable);
    expect(streams).toBe(4);
  });

  test("as soon as it begins, again and again, fails its calls", async () => {
    let connections = 0;
    const listener = await runtime.network.listen({ host: "127.0.0.1", port: 0 }, (socket) => {
      connections += 1;
      serveSession(socket, { onStream: () => undefined }, runtime).drain();
    });
    onTestFinished(() => listener.close());
    const client = echo(`http://127.0.0.1:${listener.address.port}`);
    expect((await failureOf(client.say({}))).code).toBe(Code.Unavailable);
    expect(connections).toBeLessThan(20);
  });

  test("at an address where nobody listens is UNAVAILABLE, and says why", async () => {
    const error = await failureOf(echo("http://127.0.0.1:1").say({}));
    expect(error).toMatchObject({ code: Code.Unavailable, rawMessage: expect.stringContaining("ECONNREFUSED") });
    const streamed = await failureOf(drain(echo("http://127.0.0.1:1").repeat({})));
    expect(streamed.code).toBe(Code.Unavailable);
  });

  test("at a peer that speaks something else is UNAVAILABLE", async () => {
    const listener = await runtime.network.listen({ host: "127.0.0.1", port: 0 }, (socket) => {
      socket.on("error", () => undefined);
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    onTestFinished(() => listener.close());
    const { port } = listener.address;
    expect((await failureOf(echo(`http://127.0.0.1:${port}`).say({}))).code).toBe(Code.Unavailable);
  });
});
