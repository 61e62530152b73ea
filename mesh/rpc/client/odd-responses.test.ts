import type { ServerHttp2Stream } from "node:http2";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../../runtime/index.ts";
import { ErrorCode, HeaderList, type HttpStream, serveSession } from "../../wire/index.ts";
import { EchoSchema, EchoService } from "../fixtures/echo-contract.ts";
import { startRawPeer } from "./fixtures/connect-peer.ts";
import { type Outcome, outcomeOf } from "./fixtures/outcome.ts";
import { createHeddleTransport } from "./heddle-transport.ts";

const READ_MAX_BYTES = 100_000;

const envelope = (bytes: Uint8Array, flags = 0): Buffer => {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
};
const message = (text: string) => toBinary(EchoSchema, create(EchoSchema, { text }));
const ONE = envelope(message("one"));
const GRPC = { ":status": 200, "content-type": "application/grpc", "x-head": "h" };
const OK = { "grpc-status": "0", "x-tail": "t" };

interface Response {
  headers?: Record<string, string | number>;
  body?: Uint8Array;
  trailers?: Record<string, string>;
}

const answer =
  ({ headers = GRPC, body, trailers }: Response) =>
  (stream: ServerHttp2Stream) => {
    stream.resume();
    if (body === undefined && trailers === undefined) {
      stream.respond(headers, { endStream: true });
      return;
    }
    stream.respond(headers, { waitForTrailers: trailers !== undefined });
    if (trailers !== undefined) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body);
  };

const outcomes = async (response: Response) => outcomesAt((await startRawPeer(answer(response))).url);

const outcomesAt = async (url: string): Promise<Record<"unary" | "stream", readonly [Outcome, Outcome]>> => {
  const heddle = createHeddleTransport({ baseUrl: url, readMaxBytes: READ_MAX_BYTES });
  onTestFinished(() => heddle.destroy());
  const connect = createGrpcTransport({
    baseUrl: url,
    readMaxBytes: READ_MAX_BYTES,
    acceptCompression: [compressionGzip],
  });
  const unary = (transport: Transport) =>
    outcomeOf(async (got) => got((await createClient(EchoService, transport).say({})).text));
  const stream = (transport: Transport) =>
    outcomeOf(async (got) => {
      for await (const { text } of createClient(EchoService, transport).repeat({})) got(text);
    });
  return {
    unary: [await unary(heddle), await unary(connect)],
    stream: [await stream(heddle), await stream(connect)],
  };
};

test.each<[string, Response]>([
  ["one message", { body: ONE, trailers: OK }],
  ["an empty message", { body: envelope(new Uint8Array(0)), trailers: OK }],
  ["no message", { trailers: OK }],
  ["two messages", { body: Buffer.concat([ONE, ONE]), trailers: OK }],
  ["bytes that are no such message", { body: envelope(Buffer.from([0x0a, 0x7f, 0x41])), trailers: OK }],
  ["a message over the bound", { body: envelope(message("x".repeat(READ_MAX_BYTES))), trailers: OK }],
  ["a length over the bound", { body: Buffer.from([0, 255, 255, 255, 255]), trailers: OK }],
  ["no trailers", { body: ONE }],
  ["trailers without a status", { body: ONE, trailers: { "x-tail": "t" } }],
  ["an error in trailers", { trailers: { ...OK, "grpc-status": "5", "grpc-message": "no%20such%20%E2%98%83" } }],
  ["a message and an error", { body: ONE, trailers: { ...OK, "grpc-status": "9", "grpc-message": "late" } }],
  ["an error without a message", { trailers: { "grpc-status": "14" } }],
  ["a status that is no number", { trailers: { "grpc-status": "five" } }],
  ["a status that nobody knows", { trailers: { "grpc-status": "17", "grpc-message": "what" } }],
  ["an error in headers", { headers: { ...GRPC, "grpc-status": "7", "grpc-message": "not you" } }],
  ["OK in headers, and nothing else", { headers: { ...GRPC, "grpc-status": "0" } }],
  ["headers and nothing else", {}],
  ["an error in headers and a message", { headers: { ...GRPC, "grpc-status": "7" }, body: ONE }],
  ["another content type", { headers: { ":status": 200, "content-type": "text/html" }, body: Buffer.from("<html>") }],
  ["no content type", { headers: { ":status": 200 }, body: ONE, trailers: OK }],
  ["an encoding that was not asked for", { headers: { ...GRPC, "grpc-encoding": "snappy" }, body: ONE, trailers: OK }],
  ["identity", { headers: { ...GRPC, "grpc-encoding": "identity" }, body: ONE, trailers: OK }],
  ["a compressed message without encoding", { body: envelope(gzipSync(message("a")), 1), trailers: OK }],
  [
    "a compressed message",
    { headers: { ...GRPC, "grpc-encoding": "gzip" }, body: envelope(gzipSync(message("a")), 1), trailers: OK },
  ],
  [
    "a compressed message of more than can be inflated at once",
    {
      headers: { ...GRPC, "grpc-encoding": "gzip" },
      body: envelope(gzipSync(message("a".repeat(90_000))), 1),
      trailers: OK,
    },
  ],
  [
    "a message that inflates to more than the bound",
    {
      headers: { ...GRPC, "grpc-encoding": "gzip" },
      body: envelope(gzipSync(Buffer.alloc(10_000_000)), 1),
      trailers: OK,
    },
  ],
  [
    "what is not gzip",
    { headers: { ...GRPC, "grpc-encoding": "gzip" }, body: envelope(Buffer.from("no gzip"), 1), trailers: OK },
  ],
  [
    "gzip cut short",
    {
      headers: { ...GRPC, "grpc-encoding": "gzip" },
      body: envelope(gzipSync(message("abc")).subarray(0, 15), 1),
      trailers: OK,
    },
  ],
  ...[400, 401, 403, 404, 429, 500, 502, 503, 504, 302].map((status): [string, Response] => [
    `HTTP ${status}`,
    { headers: { ":status": status, "content-type": "text/plain", "x-head": "h" }, body: Buffer.from("no") },
  ]),
])("%s means to us what it means to Connect", async (_, response) => {
  const { unary, stream } = await outcomes(response);
  expect(comparable(unary[0])).toEqual(comparable(unary[1]));
  expect(comparable(stream[0])).toEqual(comparable(stream[1]));
});

test.each([
  ["CANCEL", "Canceled"],
  ["ENHANCE_YOUR_CALM", "ResourceExhausted"],
  ["INADEQUATE_SECURITY", "PermissionDenied"],
  ["INTERNAL_ERROR", "Internal"],
  ["PROTOCOL_ERROR", "Internal"],
  ["REFUSED_STREAM", "Unavailable"],
] as const)("a stream that is reset with %s failed with %s", async (name, code) => {
  const runtime = systemRuntime();
  const onStream = (stream: HttpStream) => {
    stream.sendHeaders(HeaderList.of({ ":status": "200", "content-type": "application/grpc" }), undefined, false);
    stream.sendData(ONE, false);
    runtime.timers.after(5, () => stream.reset(ErrorCode[name]));
  };
  const listener = await runtime.network.listen({ host: "127.0.0.1", port: 0 }, (socket) => {
    const session = serveSession(socket, { onStream }, runtime);
    onTestFinished(() => session.destroy());
  });
  onTestFinished(() => listener.close());
  const { unary, stream } = await outcomesAt(`http://127.0.0.1:${listener.address.port}`);
  // Connect knows these codes too, but not once a response has begun.
  expect(unary[0]).toMatchObject({ code, texts: [] });
  expect(stream[0]).toMatchObject({ code, texts: ["one"] });
});

test.each([
  ["a message", ONE.subarray(0, 8), []],
  ["a prefix", ONE.subarray(0, 3), []],
  ["a second message", Buffer.concat([ONE, ONE.subarray(0, 7)]), ["one"]],
])("a body that ends within %s is a fault of the peer, not of the caller", async (_, body, texts) => {
  const { unary, stream } = await outcomes({ body, trailers: OK });
  expect(unary[0]).toMatchObject({ code: "Internal" });
  expect(stream[0]).toMatchObject({ code: "Internal", texts });
});

test("details that cannot be read do not hide the status", async () => {
  const { unary } = await outcomes({
    trailers: { "grpc-status": "5", "grpc-message": "gone", "grpc-status-details-bin": "CgUE" },
  });
  expect(unary[0]).toMatchObject({ code: "NotFound", message: "gone" });
});

test("a message that is not encoded as it should be is kept", async () => {
  const { unary } = await outcomes({ trailers: { "grpc-status": "5", "grpc-message": "100% of%zz it" } });
  expect(unary[0]).toMatchObject({ code: "NotFound", message: "100% of%zz it" });
});

/** Words are the peer's where it sent some; those for its mistakes are our own. */
const comparable = (outcome: Outcome): Partial<Outcome> => {
  const { message, ...rest } = outcome;
  return ["NotFound", "PermissionDenied", "FailedPrecondition"].includes(outcome.code ?? "") ? outcome : rest;
};
