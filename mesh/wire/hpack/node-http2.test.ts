import { once } from "node:events";
import { createServer, type ServerHttp2Stream, type Settings } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { HeaderList } from "../header-list.ts";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder } from "./encoder.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS = 1;
const SETTINGS = 4;
const GOAWAY = 7;
const END_STREAM_AND_HEADERS = 0x5;
const HEADER_TABLE_SIZE = 1;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A node:http2 server (nghttp2) that answers with the fields of `answer`, and a plain connection to it. */
async function nodePeer(settings: Settings, answer: (request: string[]) => Record<string, string>) {
  const requests: string[][] = [];
  const server = createServer({ settings });
  server.on("stream", (stream: ServerHttp2Stream, _headers: unknown, _flags: number, rawHeaders: string[]) => {
    requests.push([...rawHeaders]);
    stream.respond({ ":status": 200, ...answer(rawHeaders) }, { endStream: true, sendDate: false } as object);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  return { socket, requests, frames: readFrames(socket) };
}

async function* readFrames(socket: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      yield {
        type: rest[3] as number,
        flags: rest[4] as number,
        stream: rest.readUInt32BE(5),
        payload: rest.subarray(9, end),
      };
      rest = rest.subarray(end);
    }
  }
}

const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

const tableSizeSetting = (bytes: number): Buffer => {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(HEADER_TABLE_SIZE, 0);
  payload.writeUInt32BE(bytes, 2);
  return payload;
};

/** Printable values of every length and letter, some of which come again. */
const valueFor = (call: number): string =>
  Array.from({ length: (call * 7) % 90 }, (_, index) => String.fromCharCode(33 + ((call * index + index) % 94))).join(
    "",
  );

const requestFor = (call: number): HeaderList =>
  HeaderList.of({
    ":method": "POST",
    ":scheme": "http",
    ":path": `/shop.v1.Orders/Get${call % 5}`,
    ":authority": "localhost",
    "x-value": valueFor(call % 17),
    authorization: `Bearer t${valueFor(call % 3)}`,
  });

test.each([
  [4096, 4096],
  [256, 128],
  [0, 0],
  [65536, 65536],
])("node:http2 with a table of %i bytes understands us, and we with %i understand it", async (theirs, ours) => {
  const { socket, requests, frames } = await nodePeer({ headerTableSize: theirs }, (request) => ({
    "x-static": "the same",
    "x-value": request[request.indexOf("x-value") + 1] as string,
    "x-call": request[request.indexOf("x-call") + 1] as string,
  }));
  const encoder = new HpackEncoder({ tableBytesMax: 65536 });
  const decoder = new HpackDecoder({ tableBytesMax: ours, listBytesMax: 65536 });
  const calls = 100;
  let sent = 0;
  const lists = Array.from({ length: 20 }, (_, call) => requestFor(call));
  const extraOf = (call: number) => ["x-call", `${call}`, "grpc-timeout", `${1000 + call}m`];
  const sendNext = () => {
    const block = encoder.encode(lists[sent % 20] as HeaderList, extraOf(sent));
    socket.write(frame(HEADERS, END_STREAM_AND_HEADERS, sent * 2 + 1, block));
    sent += 1;
  };
  socket.write(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0, tableSizeSetting(ours))]));
  let answered = 0;
  for await (const { type, flags, stream, payload } of frames) {
    expect(type).not.toBe(GOAWAY);
    if (type === SETTINGS && flags === 0) {
      // The table's size is the first that node tells; with the default it tells none.
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) === HEADER_TABLE_SIZE) encoder.setPeerTableBytes(payload.readUInt32BE(at + 2));
      }
      socket.write(frame(SETTINGS, 1, 0, Buffer.alloc(0)));
      sendNext();
    }
    if (type !== HEADERS) continue;
    const call = (stream - 1) / 2;
    expect(decoder.decode(payload, 0, payload.length)?.fields).toEqual([
      ...[":status", "200", "x-static", "the same", "x-value", valueFor((call % 20) % 17), "x-call", `${call}`],
    ]);
    answered += 1;
    if (answered === calls) break;
    sendNext();
  }
  expect(requests).toEqual(
    Array.from({ length: calls }, (_, call) => [...(lists[call % 20] as HeaderList).fields, ...extraOf(call)]),
  );
});
