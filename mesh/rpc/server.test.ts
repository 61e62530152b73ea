import { type EventEmitter, once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { fakeTime } from "../testing/fake-time.ts";
import {
  ACK,
  CLIENT_PREFACE,
  cut,
  data,
  FrameTeller,
  frame,
  headers,
  settings,
  settingsAck,
  Type,
} from "../wire/fixtures/raw-frames.ts";
import { startEcho } from "./fixtures/echo-server.ts";
import { echo } from "./fixtures/raw-call.ts";

const { timers } = systemRuntime();

const session = async (port: number) => {
  const opened = connect(`http://127.0.0.1:${port}`);
  opened.on("error", () => undefined);
  onTestFinished(() => opened.destroy());
  // Its first frame says that the server knows the connection.
  await once(opened, "remoteSettings");
  return opened;
};

/** Resolves when a connection is closed, however that came. */
const closeOf = (connection: EventEmitter) => new Promise((resolve) => connection.once("close", resolve));

const grpcHeaders = (method: string) => ({
  ":method": "POST",
  ":path": `/echo.v1.EchoService/${method}`,
  "content-type": "application/grpc",
  te: "trailers",
});

test("HTTP/1.1 and HTTP/2 share the port", async () => {
  const { url, port, client } = await startEcho();
  expect((await client.say({ text: "two" })).text).toBe("two");
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/echo.v1.EchoService/Say`, { method: "POST", headers, body: '{"text":"one"}' });
  expect(await response.json()).toEqual({ text: "one" });
  const http1 = connectSocket(port, "127.0.0.1");
  http1.write("POST /echo.v1.EchoService/Say HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
  await timers.sleep(5);
  http1.write('content-length: 14\r\n\r\n{"text":"cut"}');
  const [answer] = await once(http1, "data");
  expect(String(answer)).toContain('{"text":"cut"}');
  http1.destroy();
});

test("an HTTP/1.1 request that names two hosts is refused", async () => {
  const { port } = await startEcho();
  const socket = connectSocket(port, "127.0.0.1");
  socket.write("GET /echo.v1.EchoService/Say HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n");
  expect(String(await once(socket, "data"))).toMatch(/^HTTP\/1.1 400 /);
  await once(socket, "close");
});

test("connections beyond the bound are closed, and make room again when they go", async () => {
  const { port } = await startEcho({}, { limits: { connectionsMax: 2 } });
  const [first] = [await session(port), await session(port)];
  const third = connectSocket(port, "127.0.0.1");
  third.on("error", () => undefined);
  await closeOf(third);
  first?.destroy();
  await expect
    .poll(async () => {
      const again = connectSocket(port, "127.0.0.1");
      again.on("error", () => undefined);
      const closed = closeOf(again).then(() => "closed");
      const outcome = await Promise.race([closed, timers.sleep(20).then(() => "open")]);
      again.destroy();
      return outcome;
    })
    .toBe("open");
});

test("a connection that says nothing is closed", async () => {
  const { port } = await startEcho({}, { limits: { prefaceTimeoutMs: 20 } });
  const socket = connectSocket(port, "127.0.0.1");
  await closeOf(socket);
});

describe("a drain", () => {
  test("tells idle HTTP/2 peers by GOAWAY, and closes their connections", async () => {
    const { port, server } = await startEcho();
    const idle = await session(port);
    const goaway = once(idle, "goaway");
    const closed = closeOf(idle);
    expect(await server.drain(1_000)).toBe(0);
    const [code] = await goaway;
    expect(code).toBe(0);
    await closed;
  });

  test("closes idle HTTP/1.1 connections, and those in use after their answer", async () => {
    const began = Promise.withResolvers<void>();
    const { server, port } = await startEcho({
      async say() {
        began.resolve();
        await timers.sleep(40);
        return { text: "done" };
      },
    });
    const agent = new Agent({ keepAlive: true });
    const ask = (method: string) =>
      new Promise<{ connection: string | undefined; body: string }>((resolve, reject) => {
        const asked = request(
          {
            agent,
            port,
            host: "127.0.0.1",
            method: "POST",
            path: `/echo.v1.EchoService/${method}`,
            headers: { "content-type": "application/json" },
          },
          async (response) => {
            let body = "";
            for await (const chunk of response) body += chunk;
            resolve({ connection: response.headers.connection, body });
          },
        );
        asked.on("error", reject);
        asked.end("{}");
      });
    expect((await ask("Brief")).connection).toBe("keep-alive");
    const running = ask("Say");
    await began.promise;
    expect(await server.drain(1_000)).toBe(0);
    expect(await running).toEqual({ connection: "close", body: '{"text":"done"}' });
    agent.destroy();
  });

  test("that begins while another one waits ends with it", { timeout: 10_000 }, async () => {
    const [began, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { server, client } = await startEcho({
      async say() {
        began.resolve();
        await goOn.promise;
        return { text: "done" };
      },
    });
    const answer = client.say({});
    await began.promise;
    const drains = [server.drain(60_000), server.drain(60_000)];
    await timers.sleep(20);
    goOn.resolve();
    expect(await Promise.all(drains)).toEqual([0, 0]);
    expect((await answer).text).toBe("done");
  });

  test.each(["Gather", "Converse"])("does not wait for a caller of %s who has the whole answer", async (method) => {
    const began = Promise.withResolvers<void>();
    const { port, server } = await startEcho(
      {
        async gather(requests) {
          for await (const _ of requests) began.resolve();
          return {};
        },
        async *converse(requests) {
          for await (const _ of requests) began.resolve();
          yield* [];
        },
      },
      { wire: "heddle" },
    );
    // Its request goes on for as long as it pleases.
    const stream = (await session(port)).request(grpcHeaders(method));
    const statuses: unknown[] = [];
    for (const event of ["response", "trailers"]) {
      stream.on(event, (fields: Record<string, unknown>) => statuses.push(fields["grpc-status"]));
    }
    stream.on("error", () => undefined).resume();
    stream.write(echo("a"), "latin1");
    await began.promise;
    expect(await server.drain(1_500)).toBe(0);
    expect(statuses).toEqual(["14"]);
  });

  test("serves a call that crosses its GOAWAY", async () => {
    const { port, server } = await startEcho({}, { wire: "heddle" });
    const socket = connectSocket(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    const teller = new FrameTeller();
    const heard: string[] = [];
    let bytes = Buffer.alloc(0);
    const pings: Buffer[] = [];
    socket.on("data", (chunk) => {
      const { frames, rest } = cut(Buffer.concat([bytes, chunk]));
      bytes = Buffer.from(rest);
      pings.push(...frames.filter(({ type }) => type === Type.PING).map(({ payload }) => Buffer.from(payload)));
      heard.push(...teller.tell(frames));
    });
    const closed = closeOf(socket);
    socket.write(Buffer.concat([CLIENT_PREFACE, settings(), settingsAck()]));
    await expect.poll(() => heard).toContain("SETTINGS ACK");
    const drained = server.drain(10_000);
    await expect.poll(() => heard).toContain("PING");
    expect(heard).toContain("GOAWAY 2147483647 NO_ERROR");
    // Sent by a client that has not heard of it yet.
    const call = Object.entries({ ":scheme": "http", ":authority": "echo", ...grpcHeaders("Say") });
    socket.write(Buffer.concat([headers(1, call), data(1, echo("late"), { end: true })]));
    await expect.poll(() => heard).toContain("HEADERS 1 grpc-status=0 END");
    expect(heard.find((line) => line.startsWith("DATA 1"))).toContain("late");
    // The second is sent when the first is answered.
    for (const count of [1, 2]) {
      await expect.poll(() => pings.length).toBe(count);
      socket.write(frame(Type.PING, ACK, 0, pings.at(-1)));
    }
    expect(await drained).toBe(0);
    await closed;
    expect(heard).toContain("GOAWAY 1 NO_ERROR");
  });

  test("waits two seconds for a peer that answers no PING, and no longer", async () => {
    const time = fakeTime();
    const { port, server } = await startEcho({}, { wire: "heddle", runtime: { ...systemRuntime(), ...time } });
    const socket = connectSocket(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    const closed = closeOf(socket);
    socket.write(Buffer.concat([CLIENT_PREFACE, settings(), settingsAck()]));
    const call = Object.entries({ ":scheme": "http", ":authority": "echo", ...grpcHeaders("Say") });
    socket.write(Buffer.concat([headers(1, call), data(1, echo("well"), { end: true })]));
    let heard = "";
    socket.on("data", (chunk) => (heard += chunk.toString("latin1")));
    await expect.poll(() => heard).toContain("well");
    let settled = false;
    const drained = server.drain(10_000).finally(() => (settled = true));
    await time.advance(1_999);
    expect(settled).toBe(false);
    await time.advance(1);
    expect(await drained).toBe(0);
    await closed;
  });

  test("of a server that never listened, or drained already, is over at once", async () => {
    const { server } = await startEcho();
    expect(await server.drain(1_000)).toBe(0);
    expect(await server.drain(1_000)).toBe(0);
  });
});

test("a caller that goes on sending after its answer is stopped", async () => {
  const { port, client } = await startEcho();
  const peer = await session(port);
  const stream = peer.request(grpcHeaders("Nothing"));
  stream.on("error", () => undefined);
  stream.resume();
  let stopped = false;
  stream.once("close", () => {
    stopped = true;
  });
  while (!stopped) {
    if (stream.writable) stream.write(Buffer.alloc(10_000));
    await timers.sleep(2);
  }
  expect((await client.say({ text: "a" })).text).toBe("a");
});

test.each([
  ["garbage", Buffer.from("\x00\x01\x02\x03\r\n\r\n")],
  ["a preface without frames", Buffer.from("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")],
  [
    "a frame that is too large",
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x00\x00\x00\x00\x00\x00", "latin1"),
  ],
  ["headers without end", Buffer.from(`GET / HTTP/1.1\r\n${"a: b\r\n".repeat(20_000)}`)],
])("%s ends that connection, and no other", async (_, bytes) => {
  const { port, client } = await startEcho();
  const socket = connectSocket(port, "127.0.0.1");
  socket.on("error", () => undefined);
  const closed = closeOf(socket);
  socket.resume();
  socket.write(bytes);
  await closed;
  expect((await client.say({ text: "a" })).text).toBe("a");
});
