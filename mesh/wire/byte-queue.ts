/** Bytes of the first block; each further one is twice as large, up to the last. */
const BLOCK_BYTES_MIN = 512;
const BLOCK_BYTES_MAX = 64 * 1024;

/**
 * Bytes that wait, in order. Pieces are copied and put together: a peer that sends its bytes one by one must not make each of them
 * cost as much as a whole buffer.
 */
export class ByteQueue {
  readonly #blocks: Uint8Array[] = [];
  /** The last block, whose end has room, and how much of it is filled. */
  #tail: Uint8Array | undefined;
  #tailLength = 0;
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#length += bytes.length;
    let from = 0;
    const tail = this.#tail;
    if (tail !== undefined) {
      from = Math.min(bytes.length, tail.length - this.#tailLength);
      tail.set(from === bytes.length ? bytes : bytes.subarray(0, from), this.#tailLength);
      this.#tailLength += from;
      if (from === bytes.length) return;
      this.#blocks.push(tail);
    }
    const left = bytes.length - from;
    const size = Math.max(left, tail === undefined ? BLOCK_BYTES_MIN : Math.min(tail.length * 2, BLOCK_BYTES_MAX));
    const block = new Uint8Array(size);
    block.set(from === 0 ? bytes : bytes.subarray(from));
    this.#tail = block;
    this.#tailLength = left;
  }

  /** Takes the next bytes, as many as stand together; undefined when there are none. They are the caller's from then on. */
  shift(): Uint8Array | undefined {
    const block = this.#blocks.shift();
    if (block !== undefined) {
      this.#length -= block.length;
      return block;
    }
    const tail = this.#tail;
    if (tail === undefined) return undefined;
    const taken = tail.subarray(0, this.#tailLength);
    this.#tail = undefined;
    this.#tailLength = 0;
    this.#length -= taken.length;
    return taken;
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#tail = undefined;
    this.#tailLength = 0;
    this.#length = 0;
  }
}
