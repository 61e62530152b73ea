import { unusual } from "./unusual.ts";

/** Bytes of the memory that small messages share. */
export const SLAB_BYTES = 64 * 1024;
/** A message longer than this gets memory of its own, so that one which is kept keeps little else alive. */
const SHARED_BYTES_MAX = SLAB_BYTES / 4;
/** With less than this left, the rest of a slab is given up: most messages would not fit and be written twice. */
const ROOM_BYTES_MIN = 512;

/**
 * The memory that messages are written to. Writers take a position and return the next one, which may lie past the end: a store
 * there goes nowhere, as the language has it, and whatever else writes checks `limit`. So nobody asks for room on the way, the
 * end tells how much a message needs, and one that did not fit is written again where it does.
 *
 * A slab is handed out piece by piece and never taken back: what was cut from it may be kept.
 */
export class Output {
  bytes = new Uint8Array(SLAB_BYTES);
  /** The same memory, for its native UTF-8. */
  text = bufferOf(this.bytes);
  view = new DataView(this.bytes.buffer);
  limit = SLAB_BYTES;
  /** Set by who moves bytes that may have been stored past the end. */
  lost = false;
  /** Set where memory is exact: nobody may guess the length of a length, for a wrong guess stores past the end. */
  exact = false;
  #used = 0;
  #busy = false;

  /**
   * What `write` writes of `message`, after `headroomBytes` that are left free. Throws what `write` throws, after which nothing
   * is used up, and `unusual` when called from within itself, as by a getter of a message.
   */
  take<T>(headroomBytes: number, write: (out: Output, pos: number, message: T) => number, message: T): Uint8Array {
    if (this.#busy) throw unusual;
    this.#busy = true;
    try {
      if (this.limit - this.#used < ROOM_BYTES_MIN) this.#use(new Uint8Array(SLAB_BYTES));
      const start = this.#used;
      const end = write(this, start + headroomBytes, message);
      if (end > this.limit || this.lost) return this.#takeMore(end - start, headroomBytes, write, message);
      this.#used = end;
      return new Uint8Array(this.bytes.buffer, start, end - start);
    } finally {
      this.#busy = false;
    }
  }

  #takeMore<T>(
    length: number,
    headroomBytes: number,
    write: (out: Output, pos: number, message: T) => number,
    message: T,
  ): Uint8Array {
    this.lost = false;
    if (length <= SHARED_BYTES_MAX) {
      this.#use(new Uint8Array(SLAB_BYTES));
      this.#used = write(this, headroomBytes, message);
      if (this.#used > SHARED_BYTES_MAX * 2 || this.lost) throw unusual;
      return new Uint8Array(this.bytes.buffer, 0, this.#used);
    }
    const { bytes } = this;
    const used = this.#used;
    try {
      const own = new Uint8Array(length);
      this.#use(own);
      this.exact = true;
      const end = write(this, headroomBytes, message);
      if (end !== length || this.lost) throw unusual;
      return own;
    } finally {
      this.exact = false;
      this.#use(bytes);
      this.#used = used;
    }
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.text = bufferOf(bytes);
    this.view = new DataView(bytes.buffer);
    this.limit = bytes.length;
    this.lost = false;
    this.#used = 0;
  }
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer<ArrayBuffer> =>
  Buffer.from(buffer, byteOffset, byteLength);
