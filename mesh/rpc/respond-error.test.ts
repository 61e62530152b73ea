import { once } from "node:events";
import { connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { endStreamFlag, endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
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
  const isUnknown = (error: ConnectError | undefined, name: string) => {
    expect(error?.code, name).toBe(Code.Unimplemented);
    expect(error?.findDetails(ErrorInfoSchema)[0], name).toMatchObject({
      reason: "METHOD_UNKNOWN",
      domain: "heddle.mesh",
    });
  };

  test("for unary calls", async () => {
    const { url } = await startEcho();
    for (const [name, transport] of ways(url))
      isUnknown(await failureOf(createClient(Health, transport).check({})), name);
  });

  test("for streaming calls", async () => {
    const { url } = await startEcho();
    for (const [name, transport] of ways(url).filter(([way]) => !way.endsWith("HTTP/1.1"))) {
      const watch = async () => {
        for await (const _ of createClient(Health, transport).watch({})) expect.fail(name);
      };
      isUnknown(await failureOf(watch()), name);
    }
  });

  // By fetch, which sends first and reads then: Node's own client may give up a request whose answer comes before its end.
  test("for streaming calls over HTTP/1.1", async () => {
    const { url } = await startEcho();
    const ask = (contentType: string) =>
      fetch(`${url}/grpc.health.v1.Health/Watch`, {
        method: "POST",
        headers: { "content-type": contentType },
        body: new Uint8Array(5),
      });
    const web = await ask("application/grpc-web+proto");
    isUnknown(findTrailerError(web.headers), "gRPC-Web");
    const connected = new Uint8Array(await (await ask("application/connect+proto")).arrayBuffer());
    expect(connected[0]).toBe(endStreamFlag);
    isUnknown(endStreamFromJson(connected.subarray(5)).error, "Connect");
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
