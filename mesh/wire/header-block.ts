import { ConnectionError, ErrorCode } from "./error-code.ts";
import type { WireLimits } from "./limits.ts";

/** A header block that comes in several frames (RFC 9113, 4.3). */
export class HeaderBlock {
  readonly #limits: WireLimits;
  #bytes: Uint8Array = EMPTY;
  #length = 0;
  #continuations = 0;
  #ends = false;
  #selfDependent = false;
  /** The stream whose block is open, or 0. */
  streamId = 0;

  constructor(limits: WireLimits) {
    this.#limits = limits;
  }

  get open(): boolean {
    return this.streamId !== 0;
  }

  /** Throws when a block of `bytes` is too long. */
  check(bytes: number): void {
    if (bytes > this.#limits.headerBlockBytesMax) {
      throw calm(`a header block is longer than ${this.#limits.headerBlockBytesMax} bytes`);
    }
  }

  begin(streamId: number, ends: boolean, selfDependent: boolean, bytes: Uint8Array, from: number, to: number): void {
    this.streamId = streamId;
    this.#ends = ends;
    this.#selfDependent = selfDependent;
    this.#continuations = 0;
    this.#length = 0;
    this.#append(bytes, from, to);
  }

  add(bytes: Uint8Array, from: number, to: number): void {
    this.#continuations++;
    if (this.#continuations > this.#limits.continuationFramesMax) {
      throw calm(`a header block has more than ${this.#limits.continuationFramesMax} CONTINUATION frames`);
    }
    this.#append(bytes, from, to);
  }

  /** Closes the block. */
  take(): { streamId: number; ends: boolean; selfDependent: boolean; bytes: Uint8Array } {
    const taken = {
      streamId: this.streamId,
      ends: this.#ends,
      selfDependent: this.#selfDependent,
      bytes: this.#bytes.subarray(0, this.#length),
    };
    this.streamId = 0;
    this.#bytes = EMPTY;
    return taken;
  }

  #append(bytes: Uint8Array, from: number, to: number): void {
    const length = this.#length + to - from;
    this.check(length);
    if (this.#bytes.length < length) {
      const grown = new Uint8Array(Math.min(length * 2, this.#limits.headerBlockBytesMax));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes.subarray(from, to), this.#length);
    this.#length = length;
  }
}

const EMPTY = new Uint8Array(0);

const calm = (message: string): ConnectionError => new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, message);
