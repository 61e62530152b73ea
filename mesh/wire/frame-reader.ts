import { ConnectionError, ErrorCode } from "./error-code.ts";
import { FRAME_HEADER_BYTES, FrameType, PREFACE, readUint32 } from "./frame.ts";

/** Takes one whole frame; its payload is `bytes` from `start` to `end`, valid during the call. */
export type OnFrame = (
  type: number,
  flags: number,
  streamId: number,
  bytes: Uint8Array,
  start: number,
  end: number,
) => void;

/**
 * Cuts a stream of bytes into frames (RFC 9113, 4.1). Frames that a chunk holds whole are handed on in place; only one that it
 * holds in part is copied, and never more than the largest frame allowed.
 */
export class FrameReader {
  readonly #onFrame: OnFrame;
  readonly #frameBytesMax: number;
  /** The preface that is still to come; a server's peer sends it, a client's does not. */
  #prefaceLeft: number;
  #partial: Uint8Array | undefined;
  #partialLength = 0;
  #stopped = false;
  /** Grows with each frame, so that a watcher can tell a slow frame from a busy connection. */
  frames = 0;

  constructor(options: { expectPreface: boolean; frameBytesMax: number; onFrame: OnFrame }) {
    this.#onFrame = options.onFrame;
    this.#frameBytesMax = options.frameBytesMax;
    this.#prefaceLeft = options.expectPreface ? PREFACE.length : 0;
  }

  /** True in the middle of a frame or of the preface. */
  get incomplete(): boolean {
    return this.#partialLength > 0 || this.#prefaceLeft > 0;
  }

  /** Hands nothing on any more. */
  stop(): void {
    this.#stopped = true;
    this.#partial = undefined;
    this.#partialLength = 0;
  }

  /** Throws a ConnectionError where the bytes are no HTTP/2. */
  read(chunk: Uint8Array): void {
    let at = this.#prefaceLeft > 0 ? this.#readPreface(chunk) : 0;
    if (this.#partialLength > 0) at = this.#completePartial(chunk, at);
    while (!this.#stopped && chunk.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + this.#payloadLength(chunk, at);
      if (end > chunk.length) break;
      this.#deliver(chunk, at, end);
      at = end;
    }
    if (!this.#stopped && at < chunk.length) this.#keep(chunk, at, chunk.length);
  }

  #readPreface(chunk: Uint8Array): number {
    const from = PREFACE.length - this.#prefaceLeft;
    const count = Math.min(this.#prefaceLeft, chunk.length);
    for (let index = 0; index < count; index++) {
      if (chunk[index] !== PREFACE[from + index]) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "the connection does not begin with the HTTP/2 preface");
      }
    }
    this.#prefaceLeft -= count;
    return count;
  }

  /** Adds to the frame that was left incomplete; returns how far into `chunk` that went. */
  #completePartial(chunk: Uint8Array, from: number): number {
    let at = from;
    if (this.#partialLength < FRAME_HEADER_BYTES) {
      at = this.#take(chunk, at, FRAME_HEADER_BYTES);
      if (this.#partialLength < FRAME_HEADER_BYTES) return at;
    }
    const partial = this.#partial as Uint8Array;
    const total = FRAME_HEADER_BYTES + this.#payloadLength(partial, 0);
    at = this.#take(chunk, at, total);
    if (this.#partialLength < total) return at;
    // Given up before it is handed on: it belongs to this one frame.
    const whole = this.#partial as Uint8Array;
    this.#partial = undefined;
    this.#partialLength = 0;
    this.#deliver(whole, 0, total);
    return at;
  }

  /** Copies from `chunk` until the partial frame has `total` bytes, or the chunk ends. */
  #take(chunk: Uint8Array, from: number, total: number): number {
    const end = Math.min(chunk.length, from + total - this.#partialLength);
    if (end > from) this.#keep(chunk, from, end);
    return end;
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const length = this.#partialLength + to - from;
    // Grows with what arrives, not with what a header promises.
    if (this.#partial === undefined || this.#partial.length < length) {
      const grown = new Uint8Array(Math.min(Math.max(256, length * 2), FRAME_HEADER_BYTES + this.#frameBytesMax));
      if (this.#partial !== undefined) grown.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = grown;
    }
    this.#partial.set(chunk.subarray(from, to), this.#partialLength);
    this.#partialLength = length;
    if (length >= FRAME_HEADER_BYTES) this.#payloadLength(this.#partial, 0);
  }

  #payloadLength(bytes: Uint8Array, at: number): number {
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    if (length > this.#frameBytesMax) {
      throw new ConnectionError(
        ErrorCode.FRAME_SIZE_ERROR,
        `a frame of ${length} bytes is over the limit of ${this.#frameBytesMax}`,
      );
    }
    return length;
  }

  #deliver(bytes: Uint8Array, at: number, end: number): void {
    const first = this.frames === 0;
    this.frames++;
    const type = bytes[at + 3] as number;
    // RFC 9113, 3.4: both sides begin with SETTINGS.
    if (first && type !== FrameType.SETTINGS) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS");
    }
    const streamId = readUint32(bytes, at + 5) & 0x7fff_ffff;
    this.#onFrame(type, bytes[at + 4] as number, streamId, bytes, at + FRAME_HEADER_BYTES, end);
  }
}
