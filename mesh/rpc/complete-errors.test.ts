import { once } from "node:events";
import { connect } from "node:http2";
import { gunzipSync, gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { describe, expect, test } from "vitest";
import { fail, reasons } from "../contract/fail.ts";
import { EchoSchema, EchoService } from "./fixtures/echo-contract.ts";
import { startEcho } from "./fixtures/echo-server.ts";
import { wireFromEnvironment } from "./wire-choice.ts";

const NOT_TODAY = reasons("echo.v1")("NOT_TODAY", Code.FailedPrecondition, "Not on {day}.");

const ways = (baseUrl: string): [string, Transport][] => [
  ["gRPC", createGrpcTransport({ baseUrl })],
  ["gRPC-Web", createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect", createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true })],
  ["JSON", createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false })],
];

const envelope = (data: Uint8Array, flags = 0): Buffer => {
  const whole = Buffer.alloc(5 + data.length);
  whole[0] = flags;
  whole.writeUInt32BE(data.length, 1);
  whole.set(data, 5);
  return whole;
};

/** Sends bytes as they are over HTTP/2 and returns the error that came back, by whatever protocol. */
const send = async (port: number, contentType: string, method: string, body: Buffer, headers = {}) => {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": `/echo.v1.EchoService/${method}`,
    "content-type": contentType,
    te: "trailers",
    ...headers,
  });
  stream.end(body);
  const found = { headers: new Headers(), trailers: new Headers(), chunks: [] as Buffer[] };
  const keep = (into: Headers) => (from: object) => {
    for (const [name, value] of Object.entries(from)) if (!name.startsWith(":")) into.set(name, String(value));
  };
  stream.on("response", keep(found.headers));
  stream.on("trailers", keep(found.trailers));
  stream.on("data", (chunk: Buffer) => found.chunks.push(chunk));
  await once(stream, "end");
  session.destroy();
  // gRPC's Trailers-Only: the one section is headers to HTTP and trailers to gRPC.
  if (found.headers.has("grpc-status")) found.trailers = found.headers;
  return { ...found, body: Buffer.concat(found.chunks) };
};

/** The last envelope of a body. */
const lastOf = (body: Buffer): { flags: number; data: Buffer } => {
  let at = 0;
  for (;;) {
    const length = body.readUInt32BE(at + 1);
    if (at + 5 + length >= body.length) return { flags: body[at] ?? 0, data: body.subarray(at + 5, at + 5 + length) };
    at += 5 + length;
  }
};

const reasonOf = (error: ConnectError | undefined) => error?.findDetails(ErrorInfoSchema)[0]?.reason;
const garbage = Buffer.from([0xff, 0xff, 0xff]);

describe("bytes that are no message get an error with details", () => {
  test("by gRPC, in the trailers", async () => {
    const { port, log } = await startEcho();
    for (const method of ["Say", "Repeat"]) {
      const { trailers } = await send(port, "application/grpc", method, envelope(garbage));
      const error = findTrailerError(trailers);
      expect(error?.code).toBe(Code.InvalidArgument);
      expect(reasonOf(error)).toBe("REQUEST_MALFORMED");
    }
    // Connect refuses it before there is a call.
    const msg = wireFromEnvironment() === "heddle" ? "call" : "call refused before it was read";
    expect(log.filter((line) => line.msg === msg)).toMatchObject([
      { method: "echo.v1.EchoService/Say", code: "InvalidArgument" },
      { method: "echo.v1.EchoService/Repeat", code: "InvalidArgument" },
    ]);
  });

  test("by gRPC-Web, in the last frame", async () => {
    const { port } = await startEcho();
    for (const method of ["Say", "Repeat"]) {
      const { body } = await send(port, "application/grpc-web+proto", method, envelope(garbage));
      const { flags, data } = lastOf(body);
      expect(flags).toBe(0x80);
      expect(reasonOf(findTrailerError(trailerParse(data)))).toBe("REQUEST_MALFORMED");
    }
  });

  test("by Connect, in the body of a unary answer", async () => {
    const { port } = await startEcho();
    for (const [type, body] of [
      ["application/proto", garbage],
      ["application/json", Buffer.from('{"text":7}')],
    ] as const) {
      const answer = await send(port, type, "Say", body);
      expect(answer.headers.get("content-length")).toBe(String(answer.body.length));
      const { code, details } = JSON.parse(String(answer.body));
      expect(code).toBe("invalid_argument");
      expect(details[0].debug.reason).toBe("REQUEST_MALFORMED");
    }
  });

  test("by Connect, at the end of a stream", async () => {
    const { port } = await startEcho();
    for (const method of ["Repeat", "Converse", "Gather"]) {
      const { body } = await send(port, "application/connect+proto", method, envelope(garbage));
      const { flags, data } = lastOf(body);
      expect(flags).toBe(2);
      expect(reasonOf(endStreamFromJson(data).error)).toBe("REQUEST_MALFORMED");
    }
  });

  test("when a frame ends early", async () => {
    const { port } = await startEcho();
    const early = envelope(toBinary(EchoSchema, create(EchoSchema, { text: "abc" }))).subarray(0, 7);
    expect(reasonOf(findTrailerError((await send(port, "application/grpc", "Say", early)).trailers))).toBe(
      "REQUEST_MALFORMED",
    );
  });

  test("when the compression is unknown, or what it compressed is not", async () => {
    const { port } = await startEcho();
    const unknown = await send(port, "application/grpc", "Say", envelope(garbage), { "grpc-encoding": "snappy" });
    expect(reasonOf(findTrailerError(unknown.trailers))).toBe("COMPRESSION_UNKNOWN");
    const broken = await send(port, "application/grpc", "Say", envelope(garbage, 1), { "grpc-encoding": "gzip" });
    expect(reasonOf(findTrailerError(broken.trailers))).toBe("REQUEST_MALFORMED");
  });

  test("when a small message unpacks to one over the limit", async () => {
    const { port } = await startEcho({}, { limits: { messageBytesMax: 10_000 } });
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    expect(gunzipSync(bomb)).toHaveLength(1_000_000);
    const { trailers } = await send(port, "application/grpc", "Say", envelope(bomb, 1), { "grpc-encoding": "gzip" });
    expect(findTrailerError(trailers)?.code).toBe(Code.ResourceExhausted);
    expect(reasonOf(findTrailerError(trailers))).toBe("MESSAGE_TOO_LARGE");
  });
});

test("errors of handlers, and replies, pass unchanged by every protocol", async () => {
  const { url } = await startEcho({
    say({ text }) {
      if (text === "no") throw fail(NOT_TODAY, { day: "Monday" });
      return { text };
    },
    async *repeat({ text }) {
      yield { text };
      if (text === "no") throw fail(NOT_TODAY, { day: "Monday" });
    },
  });
  for (const [name, transport] of ways(url)) {
    const client = createClient(EchoService, transport);
    expect((await client.say({ text: "yes" })).text, name).toBe("yes");
    const failing = [
      () => client.say({ text: "no" }),
      async () => {
        for await (const { text } of client.repeat({ text: "no" })) expect(text).toBe("no");
      },
    ];
    for (const ask of failing) {
      const error = await (ask() as Promise<unknown>).then(() => undefined, ConnectError.from);
      expect(error?.code, name).toBe(Code.FailedPrecondition);
      expect(error?.rawMessage, name).toBe("Not on Monday.");
      expect(error?.findDetails(ErrorInfoSchema), name).toMatchObject([
        { reason: "NOT_TODAY", domain: "echo.v1", metadata: { day: "Monday" } },
      ]);
    }
  }
});

test("an error that is long enough to be compressed arrives whole", async () => {
  const day = "x".repeat(250);
  const violations = Array.from({ length: 20 }, (_, i) => ({ field: `field${i}`, description: "y".repeat(100) }));
  const { url } = await startEcho({
    say() {
      throw fail(NOT_TODAY, { day }, { violations });
    },
  });
  for (const [name, transport] of ways(url)) {
    const error = await createClient(EchoService, transport)
      .say({})
      .then(() => undefined, ConnectError.from);
    expect(reasonOf(error), name).toBe("NOT_TODAY");
    expect(error?.details, name).toHaveLength(2);
  }
});

test("a reply that cannot be encoded is a fault of ours, not of the request, and its cause stands in the log", async () => {
  const unsendable = { count: 2n ** 70n };
  const { url, log } = await startEcho({
    say: () => unsendable,
    gather: async () => unsendable,
    async *repeat() {
      yield { text: "first" };
      yield unsendable;
    },
  });
  // JSON writes a number of any size: there it is the caller that cannot read it.
  for (const [name, transport] of ways(url).filter(([way]) => way !== "JSON")) {
    const client = createClient(EchoService, transport);
    const failing = [
      () => client.say({ text: "fine" }),
      async () => {
        for await (const { text } of client.repeat({ text: "fine" })) expect(text).toBe("first");
      },
    ];
    for (const ask of failing) {
      const error = await (ask() as Promise<unknown>).then(() => undefined, ConnectError.from);
      expect([name, Code[error?.code ?? 0], reasonOf(error)]).toEqual([name, "Internal", "INTERNAL"]);
      const errorId = error?.findDetails(ErrorInfoSchema)[0]?.metadata.errorId;
      expect(log).toContainEqual(
        expect.objectContaining({
          level: "error",
          msg: "the reply could not be sent",
          errorId,
          err: expect.anything(),
        }),
      );
    }
  }
  expect(log.filter(({ msg }) => msg === "call refused before it was read")).toEqual([]);
});

test("a reply over the limit says so", async () => {
  const { client } = await startEcho(
    { say: () => ({ text: "x".repeat(2_000) }) },
    { limits: { messageBytesMax: 1_000 } },
  );
  const error = await client.say({ text: "fine" }).then(() => undefined, ConnectError.from);
  expect([Code[error?.code ?? 0], reasonOf(error)]).toEqual(["ResourceExhausted", "MESSAGE_TOO_LARGE"]);
});

test("a content type that nobody speaks is refused without a body, and nothing breaks", async () => {
  const { url, client } = await startEcho();
  const response = await fetch(`${url}/echo.v1.EchoService/Say`, {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: "hello",
  });
  expect(response.status).toBe(415);
  expect((await client.say({ text: "a" })).text).toBe("a");
});
