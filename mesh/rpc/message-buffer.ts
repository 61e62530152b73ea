import { Code, ConnectError } from "@connectrpc/connect";
import { COMPRESSED, messageTooLarge, PREFIX_BYTES } from "./envelope.ts";
import { ownedCopy } from "./owned-copy.ts";

/** One message as it is on the wire. */
export interface WireMessage {
  readonly compressed: boolean;
  /** The receiver's own. */
  readonly bytes: Uint8Array;
}

const BUFFER_BYTES_MIN = 1024;

/**
 * The messages of a body, which comes in pieces of any size, as the bytes that came: they are cut only when they are asked for, so
 * that many small ones hold no more than their bytes. Holds what has arrived and at most as much again: the length that a peer
 * promises buys it nothing (compare CVE-2024-37168).
 */
export class MessageBuffer {
  readonly #bytesMax: number;
  #buffer: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  /** Bytes of the next message with its prefix, once that has come; of one that is refused the prefix alone. 0 before. */
  #nextBytes = 0;

  /** `bytesMax` bounds one message as it is on the wire. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that wait, prefixes included. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** True when the next message has come as a whole, or cannot be one: `take` gives an answer. */
  get ready(): boolean {
    if (this.#nextBytes === 0) {
      if (this.#end - this.#start < PREFIX_BYTES) return false;
      const length = this.#messageLength();
      this.#nextBytes = this.#flags() > COMPRESSED || length > this.#bytesMax ? PREFIX_BYTES : PREFIX_BYTES + length;
    }
    return this.#end - this.#start >= this.#nextBytes;
  }

  push(chunk: Uint8Array): void {
    const needed = this.length + chunk.length;
    if (this.#end + chunk.length > this.#buffer.length) {
      // Twice what is there, and no more on the word of a peer.
      const roomy =
        needed * 2 > this.#buffer.length ? new Uint8Array(Math.max(BUFFER_BYTES_MIN, needed * 2)) : this.#buffer;
      roomy.set(this.#buffer.subarray(this.#start, this.#end));
      this.#end -= this.#start;
      this.#start = 0;
      this.#buffer = roomy;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Takes the next message. Throws RESOURCE_EXHAUSTED for one over the bound, INTERNAL for an unknown flag. Look at `ready` first. */
  take(): WireMessage {
    const flags = this.#flags();
    const length = this.#messageLength();
    if (flags > COMPRESSED) throw new ConnectError(`protocol error: unknown message flags ${flags}`, Code.Internal);
    if (length > this.#bytesMax) throw messageTooLarge(length, this.#bytesMax);
    const from = this.#start + PREFIX_BYTES;
    const to = from + length;
    const last = to === this.#end;
    // One that fills the buffer takes it along: a large message is not copied once more.
    const takesAll = last && length > this.#buffer.length / 2;
    const bytes = takesAll ? this.#buffer.subarray(from, to) : ownedCopy(this.#buffer, from, to);
    if (takesAll) this.#buffer = EMPTY;
    this.#start = to;
    this.#nextBytes = 0;
    if (last) this.clear();
    return { compressed: flags === COMPRESSED, bytes };
  }

  /** Drops what waits, and the memory. */
  clear(): void {
    this.#start = 0;
    this.#end = 0;
    this.#nextBytes = 0;
    if (this.#buffer.length > BUFFER_BYTES_MIN) this.#buffer = EMPTY;
  }

  #flags(): number {
    return this.#buffer[this.#start] as number;
  }

  #messageLength(): number {
    const at = this.#start + 1;
    const bytes = this.#buffer;
    const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
    return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
  }
}

const EMPTY = new Uint8Array(0);
