import { Code, ConnectError } from "@connectrpc/connect";
import {
  Server as GrpcServer,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { startConnectPeer, startRawPeer } from "./fixtures/connect-peer.ts";
import { drain, echo, failureOf } from "./fixtures/echo-client.ts";
import { createHeddleTransport } from "./heddle-transport.ts";

const never = new Promise<never>(() => undefined);

describe("requests", () => {
  test("carry the caller's headers, but for those that belong to the protocol", async () => {
    let headers: Record<string, unknown> = {};
    const peer = await startRawPeer((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "0" }, { endStream: true });
    });
    peer.server.on("stream", (_, received) => {
      headers = { ...received };
    });
    const client = echo(peer.url, { acceptGzip: false });
    const sent = { "X-One": " 1 ", te: "gzip", "content-type": "text/plain", connection: "close", host: "elsewhere" };
    await failureOf(
      client.say({}, { headers: { ...sent, "user-agent": "me", "grpc-timeout": "1S" }, timeoutMs: 5_000 }),
    );
    expect(headers).toMatchObject({
      ":method": "POST",
      ":path": "/echo.v1.EchoService/Say",
      ":authority": peer.url.slice(7),
      "x-one": "1",
      te: "trailers",
      "content-type": "application/grpc",
      "user-agent": "me",
      "grpc-timeout": "5000m",
    });
    expect(headers).not.toHaveProperty("connection");
    expect(headers).not.toHaveProperty("host");
    expect(headers).not.toHaveProperty("grpc-accept-encoding");
    await failureOf(
      client.say(
        {},
        {
          headers: [
            ["x-two", "a"],
            ["x-two", "b"],
          ],
        },
      ),
    );
    expect(headers).toMatchObject({ "x-two": "a, b", "user-agent": expect.stringMatching(/^grpc-node-heddle\//) });
  });

  test.each([{ "x y": "a" }, { "x-a": "a\r\nb: c" }, { "x-a": "\u{1F600}" }])(
    "with %j are refused",
    async (headers) => {
      const client = echo("http://127.0.0.1:1");
      await expect(client.say({}, { headers })).rejects.toThrow(TypeError);
    },
  );

  test("over the bound are RESOURCE_EXHAUSTED before they are sent, those that are no message INTERNAL", async () => {
    const peer = await startConnectPeer({ say: () => ({}), async *repeat() {} });
    const client = echo(peer.url, { writeMaxBytes: 100 });
    expect((await failureOf(client.say({ text: "x".repeat(100) }))).code).toBe(Code.ResourceExhausted);
    expect((await failureOf(drain(client.repeat({ text: "x".repeat(100) })))).code).toBe(Code.ResourceExhausted);
    const wrong = { count: "many" } as unknown as { count: bigint };
    expect((await failureOf(client.say(wrong))).code).toBe(Code.Internal);
  });

  test("of an iterable that throws fail with what it threw", async () => {
    const peer = await startConnectPeer({ gather: () => never });
    async function* broken() {
      yield { text: "a" };
      throw new ConnectError("no more", Code.DataLoss);
    }
    expect(await failureOf(echo(peer.url).gather(broken()))).toMatchObject({
      code: Code.DataLoss,
      rawMessage: "no more",
    });
  });

  test("go below the path of the base URL", async () => {
    const paths: string[] = [];
    const peer = await startRawPeer((stream) => stream.close(8));
    peer.server.on("stream", (_, headers) => paths.push(String(headers[":path"])));
    await failureOf(echo(`${peer.url}/mesh/`).say({}));
    expect(paths).toEqual(["/mesh/echo.v1.EchoService/Say"]);
  });
});

test("a base URL that is none is refused at once", () => {
  for (const baseUrl of ["", "localhost:80", "ftp://a", "grpc://127.0.0.1:1"])
    expect(() => createHeddleTransport({ baseUrl })).toThrow("http://host:port");
});

test("grpc-js serves this client as it serves its own", async () => {
  const server = new GrpcServer();
  const echoOf = (call: { request: Buffer }) => call.request;
  const bytes = (buffer: Buffer) => buffer;
  const codec = {
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  const path = (name: string) => `/echo.v1.EchoService/${name}`;
  server.addService(
    {
      say: { path: path("Say"), requestStream: false, responseStream: false, ...codec },
      converse: { path: path("Converse"), requestStream: true, responseStream: true, ...codec },
    },
    {
      say: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
        if (call.request.length > 0) callback(null, echoOf(call));
        else callback({ code: 5, details: "nothing ☃", metadata: call.metadata });
      },
      converse: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on("data", (message) => call.write(message));
        call.on("end", () => call.end());
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  onTestFinished(() => server.forceShutdown());
  const client = echo(`http://127.0.0.1:${port}`);
  expect((await client.say({ text: "a" })).text).toBe("a");
  expect(await failureOf(client.say({}, { headers: { "x-back": "1" } }))).toMatchObject({
    code: Code.NotFound,
    rawMessage: "nothing ☃",
  });
  async function* sent() {
    for (let count = 0; count < 100; count += 1) yield { text: "x".repeat(count * 100) };
  }
  let received = 0;
  for await (const { text } of client.converse(sent())) {
    expect(text).toHaveLength(received * 100);
    received += 1;
  }
  expect(received).toBe(100);
});
