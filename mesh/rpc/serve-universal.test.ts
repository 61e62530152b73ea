import { once } from "node:events";
import { createServer as createHttp1Server, request as requestHttp1 } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Code, ConnectError, createClient, createConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { type HeaderList, type HttpStream, serveSession } from "../wire/index.ts";
import { acceptHttp } from "./accept-http.ts";
import { type Echo, EchoService } from "./fixtures/echo-contract.ts";
import { nodeServerStream } from "./node-stream.ts";
import { respondUnknownMethod } from "./respond-error.ts";
import { serveUniversal } from "./serve-universal.ts";

const runtime = systemRuntime();
const WIRES = ["node", "heddle"] as const;

const echo: ServiceImpl<typeof EchoService> = {
  say(request, context) {
    if (request.text === "fail") throw new ConnectError("no", Code.DataLoss, { "x-meta": "m" });
    context.responseHeader.set("x-head", request.text);
    context.responseTrailer.set("x-trail", request.text);
    return request;
  },
  brief: (request) => request,
  async gather(requests) {
    let text = "";
    for await (const request of requests) text += request.text;
    return { text };
  },
  async *repeat({ text, count }) {
    for (let i = 0n; i < count; i++) yield { text };
    if (text === "fail") throw new ConnectError("no more", Code.OutOfRange);
  },
  async *converse(requests) {
    for await (const { text } of requests) yield { text };
  },
};

/** Serves the echo contract by Connect's handlers, over HTTP/1.1 by Node and HTTP/2 by a wire. */
const start = async (wire: (typeof WIRES)[number], handlers: Partial<ServiceImpl<typeof EchoService>> = {}) => {
  const router = createConnectRouter();
  router.service(EchoService, { ...echo, ...handlers });
  const byPath = new Map<string, UniversalHandler>(router.handlers.map((handler) => [handler.requestPath, handler]));
  const errors: unknown[] = [];
  const handle = (stream: HttpStream, headers: HeaderList, end: boolean) => {
    const handler = byPath.get((headers.get(":path") ?? "").split("?")[0] ?? "");
    if (handler === undefined) respondUnknownMethod(stream, headers, byPath.keys(), runtime.timers);
    else {
      void serveUniversal(handler, stream, headers, end, {
        timers: runtime.timers,
        onError: (error) => errors.push(error),
      });
    }
  };
  const http1 = createHttp1Server((request, response) => {
    const { stream, headers, end } = nodeServerStream(request, response);
    handle(stream, headers, end);
  });
  const http2 = createHttp2Server((request, response) => {
    const { stream, headers, end } = nodeServerStream(request, response);
    handle(stream, headers, end);
  });
  const acceptors = {
    http1: (connection: Duplex) => void http1.emit("connection", connection),
    http2: (connection: Duplex) =>
      void (wire === "node"
        ? http2.emit("connection", connection)
        : serveSession(connection, { onStream: handle }, runtime)),
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    acceptHttp(socket, acceptors, { timers: runtime.timers, timeoutMs: 5_000 });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, errors };
};

const transports = (baseUrl: string) =>
  [
    ["gRPC", createGrpcTransport({ baseUrl })],
    ["gRPC-Web over HTTP/1.1", createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
    ["gRPC-Web over HTTP/2", createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
    ["Connect over HTTP/1.1", createConnectTransport({ baseUrl, httpVersion: "1.1" })],
    ["Connect over HTTP/2", createConnectTransport({ baseUrl, httpVersion: "2" })],
    ["JSON", createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false })],
    ["Connect by GET", createConnectTransport({ baseUrl, httpVersion: "2", useHttpGet: true })],
  ] as const;

const all = async (replies: AsyncIterable<Echo>) => {
  const texts: string[] = [];
  for await (const { text } of replies) texts.push(text);
  return texts;
};

const failureOf = (call: Promise<unknown>) => call.then(() => expect.fail("the call succeeded"), ConnectError.from);

async function* requests(...texts: string[]) {
  for (const text of texts) yield { text };
}

describe.each(WIRES)("over the wire %s", (wire) => {
  test("every protocol is spoken, with headers, trailers and errors", async () => {
    const { url, errors } = await start(wire);
    for (const [name, transport] of transports(url)) {
      const client = createClient(EchoService, transport);
      let header: string | null = null;
      let trailer: string | null = null;
      const options = {
        onHeader: (headers: Headers) => {
          header = headers.get("x-head");
        },
        onTrailer: (headers: Headers) => {
          trailer = headers.get("x-trail");
        },
      };
      expect((await client.say({ text: "a" }, options)).text, name).toBe("a");
      expect([header, trailer], name).toEqual(["a", "a"]);
      expect((await client.say({})).text, name).toBe("");
      const failure = await failureOf(client.say({ text: "fail" }));
      expect([failure.code, failure.rawMessage, failure.metadata.get("x-meta")], name).toEqual([
        Code.DataLoss,
        "no",
        "m",
      ]);
      expect((await client.gather(requests("a", "b", "c"))).text, name).toBe("abc");
      expect(await all(client.repeat({ text: "x", count: 3n })), name).toEqual(["x", "x", "x"]);
      expect((await failureOf(all(client.repeat({ text: "fail", count: 2n })))).code, name).toBe(Code.OutOfRange);
      if (!name.includes("1.1") && name !== "JSON") {
        expect(await all(client.converse(requests("a", "b"))), name).toEqual(["a", "b"]);
      }
    }
    expect(errors).toEqual([]);
  });

  test("bodies of megabytes pass both ways, whole", async () => {
    const { url } = await start(wire);
    const text = "0123456789abcdef".repeat(200_000);
    for (const [name, transport] of transports(url).filter(([way]) => way !== "Connect by GET")) {
      const client = createClient(EchoService, transport);
      // A comparison of its own, for a difference would be printed in full.
      expect((await client.brief({ text })).text === text, name).toBe(true);
      expect((await all(client.repeat({ text: text.slice(0, 100_000), count: 30n }))).join("").length, name).toBe(
        3_000_000,
      );
    }
  });

  test("both directions at once are refused over HTTP/1.1", async () => {
    const { url } = await start(wire);
    const response = await fetch(`${url}/echo.v1.EchoService/Converse`, {
      method: "POST",
      headers: { "content-type": "application/connect+json" },
      body: new Uint8Array(5),
    });
    expect(response.status).toBe(505);
  });

  test("a reader that does not read stops the method, and a reset ends it", async () => {
    let yielded = 0;
    const ended = Promise.withResolvers<unknown>();
    const { port } = await start(wire, {
      async *repeat({ text }, { signal }) {
        try {
          for (;;) {
            yielded++;
            yield { text };
          }
        } finally {
          ended.resolve(signal.reason);
        }
      },
    });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({
      ":method": "POST",
      ":path": "/echo.v1.EchoService/Repeat",
      "content-type": "application/connect+json",
    });
    stream.on("error", () => undefined);
    const message = Buffer.from(JSON.stringify({ text: "x".repeat(10_000) }));
    stream.end(Buffer.concat([Buffer.of(0, 0, 0, message.length >> 8, message.length & 255), message]));
    await once(stream, "response");
    const settled = async () => {
      for (let before = -1; before !== yielded; ) {
        before = yielded;
        await runtime.timers.sleep(30);
      }
      return yielded;
    };
    expect((await settled()) * 10_000).toBeLessThan(2_000_000);
    stream.close(8);
    expect(ConnectError.from(await ended.promise).code).toBe(Code.Canceled);
  });

  test("a method that does not read stops the sender", async () => {
    const go = Promise.withResolvers<void>();
    const { port } = await start(wire, {
      async gather(messages) {
        await go.promise;
        let bytes = 0;
        for await (const { text } of messages) bytes += text.length;
        return { text: String(bytes) };
      },
    });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({
      ":method": "POST",
      ":path": "/echo.v1.EchoService/Gather",
      "content-type": "application/connect+json",
    });
    const message = Buffer.from(JSON.stringify({ text: "x".repeat(10_000) }));
    const frame = Buffer.concat([Buffer.of(0, 0, 0, message.length >> 8, message.length & 255), message]);
    for (let i = 0; i < 500; i++) stream.write(frame);
    stream.end();
    for (let before = -1; before !== stream.writableLength; ) {
      before = stream.writableLength;
      await runtime.timers.sleep(30);
    }
    expect(stream.writableLength).toBeGreaterThan(3_000_000);
    go.resolve();
    let answer = "";
    for await (const chunk of stream) answer += chunk;
    expect(answer).toContain("5000000");
  });

  test("a request that goes on after the answer is read for nobody, then stopped", async () => {
    const { port } = await start(wire, { gather: () => Promise.resolve({ text: "enough" }) });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({
      ":method": "POST",
      ":path": "/echo.v1.EchoService/Gather",
      "content-type": "application/connect+json",
    });
    stream.on("error", () => undefined);
    let answer = "";
    stream.on("data", (chunk) => {
      answer += chunk;
    });
    let stopped = false;
    stream.once("close", () => {
      stopped = true;
    });
    while (!stopped) {
      if (stream.writable) stream.write(Buffer.alloc(10_000));
      await runtime.timers.sleep(2);
    }
    expect(answer).toContain("enough");
    expect(stream.rstCode).toBe(0);
  });

  test("a caller that breaks off its request over HTTP/1.1 ends the method", async () => {
    const ended = Promise.withResolvers<unknown>();
    const { port } = await start(wire, {
      async gather(messages, { signal }) {
        signal.addEventListener("abort", () => ended.resolve(signal.reason));
        for await (const _ of messages);
        return {};
      },
    });
    const headers = { "content-type": "application/connect+json" };
    const asked = requestHttp1({ port, method: "POST", path: "/echo.v1.EchoService/Gather", headers });
    asked.on("error", () => undefined);
    asked.write(Buffer.from('\0\0\0\0\x0c{"text":"a"}'));
    await runtime.timers.sleep(20);
    asked.destroy();
    expect(ConnectError.from(await ended.promise).code).toBe(Code.Canceled);
  });

  test("a target that is no URL, and a deadline that no timer waits for, are answered", async () => {
    const { port } = await start(wire);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({
      ":method": "POST",
      ":authority": "a:b:c",
      ":path": "/echo.v1.EchoService/Say?x=%",
      "content-type": "application/json",
      "connect-timeout-ms": "9999999999",
    });
    stream.end('{"text":"a"}');
    let answer = "";
    for await (const chunk of stream) answer += chunk;
    expect(answer).toBe('{"text":"a"}');
  });
});
