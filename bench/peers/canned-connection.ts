import type { Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { CustomerState, GetCustomerResponseSchema } from "@heddle/contracts/customer/v1";
import { ADA, CANNED_CUSTOMER_ID } from "../customer-mesh.ts";

/** RFC 9113, 4.1 and 6. */
const FRAME_HEADER_BYTES = 9;
const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const PING = 6;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const ACK = 1;
const HEADER_TABLE_SIZE = 1;
const SETTING_BYTES = 6;
const END_HEADERS = 4;
const PREFACE_BYTES = 24;
const WINDOW_BYTES = 65_535;
const WINDOW_BYTES_MAX = 2 ** 31 - 1;

/**
 * Answers each request on an HTTP/2 connection as soon as it has ended, without a look at it. It is not a server: headers are
 * not decoded, which is safe as long as nobody needs to know what they say. `delayMs`: milliseconds that it takes its time for each;
 * `asked` hears of each.
 */
export const answerConnection = (
  socket: Socket,
  { delayMs = 0, asked = () => undefined }: { delayMs?: number; asked?: () => void } = {},
): void => {
  let unread: Buffer = Buffer.alloc(0);
  let awaited = PREFACE_BYTES;
  let windowBytes = WINDOW_BYTES;
  let answers = INDEXED;
  let answered = false;
  let out: Buffer[] = [];
  const waiting: number[] = [];

  const answer = (stream: number) => {
    if (windowBytes < REPLY.length) {
      waiting.push(stream);
      return;
    }
    windowBytes -= REPLY.length;
    out.push((answered ? answers.later : answers.first)(stream));
    answered = true;
  };
  const flush = () => {
    if (out.length > 0) socket.write(Buffer.concat(out));
    out = [];
  };
  const begin = (stream: number) => {
    asked();
    if (delayMs === 0) answer(stream);
    else
      setTimeout(() => {
        answer(stream);
        flush();
      }, delayMs);
  };
  const take = (type: number, flags: number, stream: number, payload: Buffer) => {
    if (type === DATA || type === HEADERS) {
      if ((flags & END_STREAM) !== 0) begin(stream);
    } else if (type === SETTINGS && (flags & ACK) === 0) {
      if (setting(payload, HEADER_TABLE_SIZE) === 0) answers = LITERAL;
      out.push(frame(SETTINGS, ACK, 0, NOTHING));
    } else if (type === PING && (flags & ACK) === 0) {
      out.push(frame(PING, ACK, 0, payload));
    } else if (type === WINDOW_UPDATE && stream === 0) {
      windowBytes += payload.readUInt32BE();
      while (waiting.length > 0 && windowBytes >= REPLY.length) answer(waiting.shift() as number);
    }
  };

  // A window that outlasts every run: requests are of some forty bytes.
  socket.write(Buffer.concat([frame(SETTINGS, 0, 0, NOTHING), windowUpdate(WINDOW_BYTES_MAX - WINDOW_BYTES)]));
  socket.on("data", (chunk) => {
    const bytes = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    let at = 0;
    if (awaited > 0) {
      if (bytes.length < awaited) {
        unread = bytes;
        return;
      }
      at = awaited;
      awaited = 0;
    }
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3);
      if (bytes.length < end) break;
      const stream = bytes.readUInt32BE(at + 5) & WINDOW_BYTES_MAX;
      take(bytes[at + 3] as number, bytes[at + 4] as number, stream, bytes.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    unread = bytes.subarray(at);
    flush();
  });
  socket.on("error", () => socket.destroy());
};

const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
};

/** The value of one parameter, if it is among them. */
const setting = (settings: Buffer, parameter: number): number | undefined => {
  for (let at = 0; at < settings.length; at += SETTING_BYTES)
    if (settings.readUInt16BE(at) === parameter) return settings.readUInt32BE(at + 2);
  return undefined;
};

const windowUpdate = (bytes: number): Buffer => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(WINDOW_UPDATE, 0, 0, payload);
};

const NOTHING = new Uint8Array(0);

/** The reply's envelope and message: like the one that a customer service gives for a customer of its own. */
const REPLY = encodeEnvelope(
  0,
  toBinary(
    GetCustomerResponseSchema,
    create(GetCustomerResponseSchema, {
      customer: {
        ...ADA,
        id: CANNED_CUSTOMER_ID,
        etag: "0".repeat(22),
        state: CustomerState.ACTIVE,
        createTime: timestampFromMs(1.8e12),
        updateTime: timestampFromMs(1.8e12),
      },
    }),
  ),
);

/** A whole response: headers, reply and trailers. Only the stream's number differs from one to the next. */
const response = (headers: readonly number[], trailers: readonly number[]) => {
  const parts = [
    frame(HEADERS, END_HEADERS, 0, Uint8Array.from(headers)),
    frame(DATA, 0, 0, REPLY),
    frame(HEADERS, END_HEADERS | END_STREAM, 0, Uint8Array.from(trailers)),
  ] as const;
  const template = Buffer.concat(parts);
  const second = parts[0].length;
  const third = second + parts[1].length;
  return (stream: number): Buffer => {
    const bytes = Buffer.from(template);
    bytes.writeUInt32BE(stream, 5);
    bytes.writeUInt32BE(stream, second + 5);
    bytes.writeUInt32BE(stream, third + 5);
    return bytes;
  };
};

const text = (value: string): number[] => [value.length, ...Buffer.from(value)];

/** Header blocks by RFC 7541, 6: a field of the static table, names of it, and fields that are new. */
const STATUS_OK = 0x88;
const CONTENT_TYPE = text("application/grpc");
const GRPC_STATUS = [...text("grpc-status"), ...text("0")];

/** The first response puts two fields into the dynamic table, where the later ones find them: the newest at 62. */
const INDEXED = {
  first: response([STATUS_OK, 0x40 | 31, ...CONTENT_TYPE], [0x40, ...GRPC_STATUS]),
  later: response([STATUS_OK, 0x80 | 63], [0x80 | 62]),
};

/** For a peer without such a table, as nginx is. The first response says that it is empty. */
const LITERAL = {
  first: response([0x20, STATUS_OK, 0x0f, 31 - 15, ...CONTENT_TYPE], [0x00, ...GRPC_STATUS]),
  later: response([STATUS_OK, 0x0f, 31 - 15, ...CONTENT_TYPE], [0x00, ...GRPC_STATUS]),
};
