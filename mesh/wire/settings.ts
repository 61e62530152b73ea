import { ConnectionError, ErrorCode } from "./error-code.ts";
import { FRAME_BYTES_DEFAULT, MAX_31_BITS, readUint32, WINDOW_BYTES_DEFAULT } from "./frame.ts";
import type { WireLimits } from "./limits.ts";

/** Settings' identifiers (RFC 9113, 6.5.2). */
export const SettingId = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

/** What the peer has told, with the RFC's values before it did. */
export class PeerSettings {
  headerTableBytes = 4096;
  /** gRPC's assumption until the peer has spoken is 100; the RFC's is no limit. */
  concurrentStreamsMax = 100;
  initialWindowBytes = WINDOW_BYTES_DEFAULT;
  frameBytesMax = FRAME_BYTES_DEFAULT;
  received = false;

  /** Takes over a SETTINGS payload; throws a ConnectionError for a value that is out of its range. */
  apply(bytes: Uint8Array, start: number, end: number, fromServer: boolean): void {
    if (!this.received) {
      this.received = true;
      this.concurrentStreamsMax = MAX_31_BITS;
    }
    for (let at = start; at < end; at += 6) {
      const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      this.#set(id, readUint32(bytes, at + 2), fromServer);
    }
  }

  #set(id: number, value: number, fromServer: boolean): void {
    switch (id) {
      case SettingId.HEADER_TABLE_SIZE:
        this.headerTableBytes = value;
        break;
      case SettingId.ENABLE_PUSH:
        // A server must not turn on what only clients decide.
        if (value > 1 || (fromServer && value === 1)) throw outOfRange("ENABLE_PUSH", value);
        break;
      case SettingId.MAX_CONCURRENT_STREAMS:
        this.concurrentStreamsMax = value;
        break;
      case SettingId.INITIAL_WINDOW_SIZE:
        if (value > MAX_31_BITS) throw outOfRange("INITIAL_WINDOW_SIZE", value, ErrorCode.FLOW_CONTROL_ERROR);
        this.initialWindowBytes = value;
        break;
      case SettingId.MAX_FRAME_SIZE:
        if (value < FRAME_BYTES_DEFAULT || value > 0xff_ffff) throw outOfRange("MAX_FRAME_SIZE", value);
        this.frameBytesMax = value;
        break;
      default:
      // MAX_HEADER_LIST_SIZE is advice; what is unknown is ignored (RFC 9113, 6.5.2).
    }
  }
}

const outOfRange = (name: string, value: number, code: ErrorCode = ErrorCode.PROTOCOL_ERROR): ConnectionError =>
  new ConnectionError(code, `SETTINGS_${name} ${value} is out of range`);

/** The payload of our own SETTINGS. */
export const settingsPayload = (limits: WireLimits, server: boolean): Buffer => {
  const settings: [number, number][] = [
    [SettingId.HEADER_TABLE_SIZE, limits.headerTableBytes],
    [SettingId.INITIAL_WINDOW_SIZE, limits.streamWindowBytes],
    [SettingId.MAX_FRAME_SIZE, limits.frameBytesMax],
    [SettingId.MAX_HEADER_LIST_SIZE, limits.headerListBytesMax],
    server ? [SettingId.MAX_CONCURRENT_STREAMS, limits.concurrentStreamsMax] : [SettingId.ENABLE_PUSH, 0],
  ];
  const payload = Buffer.alloc(settings.length * 6);
  settings.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return payload;
};
