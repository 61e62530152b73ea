import { protocolError } from "./error-code.ts";

/** Frame types (RFC 9113, 6). */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

/** Flags; their meaning depends on the frame's type. */
export const Flag = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

/** What a client sends first (RFC 9113, 3.4). */
export const PREFACE: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Bytes before each frame's payload. */
export const FRAME_HEADER_BYTES = 9;
/** Frame payloads that every peer takes (SETTINGS_MAX_FRAME_SIZE). */
export const FRAME_BYTES_DEFAULT = 16_384;
/** Windows until SETTINGS or WINDOW_UPDATE say otherwise (RFC 9113, 6.9.2). */
export const WINDOW_BYTES_DEFAULT = 65_535;
/** The largest window and the largest stream id (RFC 9113, 6.9.1 and 5.1.1). */
export const MAX_31_BITS = 0x7fff_ffff;

/** An unsigned 32-bit number in network byte order. */
export const readUint32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0;

/** Bytes of padding at the end of a padded payload, whose first byte counts them (RFC 9113, 6.1). Throws when there is no room. */
export const paddingOf = (bytes: Uint8Array, start: number, end: number): number => {
  const count = bytes[start];
  if (start === end || count === undefined || count >= end - start) throw protocolError("more padding than payload");
  return count;
};
