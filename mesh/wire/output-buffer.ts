import { Flag, FRAME_HEADER_BYTES, FrameType } from "./frame.ts";

/** Bytes of a buffer as it is lent; a larger one is made for the turn that needs it and not kept. */
const LENT_BYTES = 16 * 1024;
/** Buffers that wait to be lent again, for all connections together. */
const SPARE_MAX = 64;
const spare: Buffer[] = [];

/** What a connection will write at the end of this turn. Empty, it holds no memory. */
export class OutputBuffer {
  #buffer: Buffer | undefined;
  length = 0;

  /** Hands the bytes over and begins anew. Give the buffer back by `recycle` once it was written. */
  take(): { buffer: Buffer; length: number } | undefined {
    if (this.#buffer === undefined || this.length === 0) return undefined;
    const taken = { buffer: this.#buffer, length: this.length };
    this.#buffer = undefined;
    this.length = 0;
    return taken;
  }

  /** A buffer that nobody reads any more. */
  static recycle(buffer: Buffer): void {
    if (buffer.length === LENT_BYTES && spare.length < SPARE_MAX) spare.push(buffer);
  }

  /** Any bytes. */
  bytes(bytes: Uint8Array): void {
    const buffer = this.#room(bytes.length);
    buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** One frame with the payload `from` … `to` of `bytes`. */
  frame(type: number, flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    const count = to - from;
    const buffer = this.#room(FRAME_HEADER_BYTES + count);
    const at = writeHeader(buffer, this.length, count, type, flags, id);
    copy(bytes, from, to, buffer, at);
    this.length = at + count;
  }

  /** One frame before all others that wait: for one that concerns none of them. */
  frameFirst(type: number, flags: number, id: number, payload: Uint8Array): void {
    const count = FRAME_HEADER_BYTES + payload.length;
    const buffer = this.#room(count);
    buffer.copyWithin(count, 0, this.length);
    writeHeader(buffer, 0, payload.length, type, flags, id);
    buffer.set(payload, FRAME_HEADER_BYTES);
    this.length += count;
  }

  /** One DATA frame of `count` bytes: `prefix`, where there is one, and `chunk`. */
  data(id: number, end: boolean, chunk: Uint8Array, prefix: Uint8Array | undefined, count: number): void {
    const buffer = this.#room(FRAME_HEADER_BYTES + count);
    let at = writeHeader(buffer, this.length, count, FrameType.DATA, end ? Flag.END_STREAM : 0, id);
    if (prefix !== undefined) {
      copy(prefix, 0, prefix.length, buffer, at);
      at += prefix.length;
    }
    copy(chunk, 0, chunk.length, buffer, at);
    this.length = at + chunk.length;
  }

  /** One frame whose payload is one 32-bit number: RST_STREAM and WINDOW_UPDATE. */
  uint32Frame(type: number, id: number, value: number): void {
    const buffer = this.#room(FRAME_HEADER_BYTES + 4);
    const at = writeHeader(buffer, this.length, 4, type, 0, id);
    writeUint32(buffer, at, value);
    this.length = at + 4;
  }

  #room(count: number): Buffer {
    const needed = this.length + count;
    let buffer = this.#buffer;
    if (buffer === undefined) {
      buffer =
        count <= LENT_BYTES ? (spare.pop() ?? Buffer.allocUnsafeSlow(LENT_BYTES)) : Buffer.allocUnsafeSlow(count);
      this.#buffer = buffer;
    } else if (buffer.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, needed));
      buffer.copy(grown, 0, 0, this.length);
      OutputBuffer.recycle(buffer);
      buffer = grown;
      this.#buffer = grown;
    }
    return buffer;
  }
}

const writeHeader = (
  buffer: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  id: number,
): number => {
  buffer[at] = length >>> 16;
  buffer[at + 1] = length >>> 8;
  buffer[at + 2] = length;
  buffer[at + 3] = type;
  buffer[at + 4] = flags;
  writeUint32(buffer, at + 5, id);
  return at + FRAME_HEADER_BYTES;
};

const writeUint32 = (buffer: Uint8Array, at: number, value: number): void => {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
};

/** Below this a loop is faster than the call of `set`, which leaves JavaScript. */
const LOOP_BYTES = 48;

const copy = (from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void => {
  const count = end - start;
  if (count > LOOP_BYTES) {
    to.set(start === 0 && end === from.length ? from : from.subarray(start, end), at);
    return;
  }
  for (let index = 0; index < count; index++) to[at + index] = from[start + index] as number;
};
