import { encodeHuffman, huffmanBytes } from "./huffman.ts";

const INITIAL_BYTES = 256;
/** Beyond this the scratch is given back: one large list must not be paid for ever after. */
const KEPT_BYTES = 4 * 1024;
const VIEWS = 32;
/** An integer in a block takes no more: a prefix and five bytes (RFC 7541, 5.1). */
const INTEGER_BYTES_MAX = 6;
const QUESTION_MARK = 0x3f;

/** Writes the primitives of a header block: integers and strings (RFC 7541, 5), into a scratch that grows as needed. */
export class BlockWriter {
  #bytes: Uint8Array = new Uint8Array(0);
  /** Views of the scratch by length: making one costs more than writing a short block. */
  #views: Uint8Array[] = [];
  #at = 0;

  /** Begins a block. */
  start(): void {
    this.#at = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#replace(KEPT_BYTES);
  }

  /** What was written, valid until the next `start`. */
  view(): Uint8Array {
    const length = this.#at;
    const known = this.#views[length & (VIEWS - 1)];
    if (known !== undefined && known.length === length) return known;
    const view = this.#bytes.subarray(0, length);
    this.#views[length & (VIEWS - 1)] = view;
    return view;
  }

  /** A copy of what was written since `start`. */
  copy(start: number): Uint8Array {
    return this.#bytes.slice(start, this.#at);
  }

  /** Bytes written since the block began. */
  get length(): number {
    return this.#at;
  }

  /** An integer after the bits of `pattern`; `mask` are the bits of its prefix (RFC 7541, 5.1). */
  integer(pattern: number, mask: number, value: number): void {
    this.#reserve(INTEGER_BYTES_MAX);
    this.#integer(pattern, mask, value);
  }

  /** Bytes that are coded already. */
  append(coded: Uint8Array): void {
    const { length } = coded;
    this.#reserve(length);
    const bytes = this.#bytes;
    const at = this.#at;
    if (length > 64) bytes.set(coded, at);
    else for (let index = 0; index < length; index++) bytes[at + index] = coded[index] as number;
    this.#at = at + length;
  }

  /** A string in as few bytes as possible. */
  shortString(text: string): void {
    const coded = huffmanBytes(text);
    if (coded >= text.length) {
      this.rawString(text);
      return;
    }
    this.#reserve(INTEGER_BYTES_MAX + coded);
    this.#integer(0x80, 0x7f, coded);
    this.#at = encodeHuffman(text, this.#bytes, this.#at);
  }

  /**
   * A string as it is, which costs the least time on both sides. A character that is no byte becomes a question mark: cut to
   * 8 bits it could become a line feed.
   */
  rawString(text: string): void {
    const { length } = text;
    this.#reserve(INTEGER_BYTES_MAX + length);
    this.#integer(0, 0x7f, length);
    const bytes = this.#bytes;
    const at = this.#at;
    for (let index = 0; index < length; index++) {
      const char = text.charCodeAt(index);
      bytes[at + index] = char > 0xff ? QUESTION_MARK : char;
    }
    this.#at = at + length;
  }

  #integer(pattern: number, mask: number, value: number): void {
    const bytes = this.#bytes;
    if (value < mask) {
      bytes[this.#at++] = pattern | value;
      return;
    }
    bytes[this.#at++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) bytes[this.#at++] = 0x80 | (rest & 0x7f);
    bytes[this.#at++] = rest;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed > this.#bytes.length) this.#replace(Math.max(INITIAL_BYTES, needed * 2));
  }

  #replace(bytes: number): void {
    const replaced = new Uint8Array(bytes);
    replaced.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = replaced;
    this.#views = [];
  }
}
