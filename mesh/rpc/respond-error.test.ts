import { once } from "node:events";
import { connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { describe, expect, test } from "vitest";
import { startEcho } from "./fixtures/echo-server.ts";

const ways = (baseUrl: string): [string, Transport][] => [
  ["gRPC", createGrpcTransport({ baseUrl })],
  ["gRPC-Web over HTTP/1.1", createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web over HTTP/2", createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
  ["Connect over HTTP/1.1", createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect over HTTP/2", createConnectTransport({ baseUrl, httpVersion: "2" })],
];

const failureOf = (call: Promise<unknown>) => call.then(() => expect.fail("the call succeeded"), ConnectError.from);

describe("a method that nobody serves is UNIMPLEMENTED in the protocol of the request", () => {
  test.each(["unary", "streaming"])("for %s calls", async (kind) => {
    const { url } = await startEcho();
    for (const [name, transport] of ways(url)) {
      const health = createClient(Health, transport);
      const error = await failureOf(
        kind === "unary"
          ? health.check({})
          : (async () => {
              for await (const _ of health.watch({})) expect.fail(name);
            })(),
      );
      expect(error.code, name).toBe(Code.Unimplemented);
      expect(error.findDetails(ErrorInfoSchema)[0], name).toMatchObject({
        reason: "METHOD_UNKNOWN",
        domain: "heddle.mesh",
      });
    }
  });

  test("and names the nearest one", async () => {
    const { url } = await startEcho();
    const response = await fetch(`${url}/echo.v1.EchoService/Sya`, { method: "POST", body: "{}" });
    expect(response.status).toBe(501);
    expect(((await response.json()) as { message: string }).message).toContain("echo.v1.EchoService/Say");
  });

  test("whatever the target", async () => {
    const { url, port, client } = await startEcho();
    for (const target of [
      "/",
      "//",
      "/a",
      "/a/b/c?d=e",
      `/${"a".repeat(5_000)}`,
      "/%00%ff",
      "/__proto__/constructor",
    ]) {
      expect((await fetch(`${url}${target}`, { method: "POST" })).status, target).toBe(501);
      expect((await fetch(`${url}${target}`)).status, target).toBe(501);
    }
    for (const line of ["OPTIONS * HTTP/1.1", "GET http://else.where/x HTTP/1.1", "HEAD /x HTTP/1.1"]) {
      const socket = connectSocket(port, "127.0.0.1");
      socket.end(`${line}\r\nhost: x\r\nconnection: close\r\n\r\n`);
      const [answer] = await once(socket, "data");
      expect(String(answer), line).toMatch(/^HTTP\/1\.1 501 /);
      socket.destroy();
    }
    expect((await client.say({ text: "a" })).text).toBe("a");
  });
});

test("gRPC's answer is trailers only: one HEADERS frame that ends the stream", async () => {
  const { port } = await startEcho();
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":method": "POST", ":path": "/a.B/C", "content-type": "application/grpc+proto" });
  stream.end(Buffer.alloc(100_000));
  const [headers, flags] = await once(stream, "response");
  expect(headers).toMatchObject({ ":status": 200, "grpc-status": "12", "content-type": "application/grpc+proto" });
  expect(flags & 1).toBe(1);
  session.destroy();
});

test("a caller that is gone before the answer breaks nothing", async () => {
  const { port, client } = await startEcho();
  for (let i = 0; i < 20; i++) {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on("error", () => undefined);
    await once(session, "connect");
    const stream = session.request({ ":method": "POST", ":path": "/a.B/C", "content-type": "application/grpc" });
    stream.on("error", () => undefined);
    if (i % 2 === 0) stream.close(8);
    else setImmediate(() => session.destroy());
  }
  expect((await client.say({ text: "a" })).text).toBe("a");
});
