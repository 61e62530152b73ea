import { ConnectionError, ErrorCode } from "../error-code.ts";
import { decodedBytesMax, decodeHuffman } from "./huffman.ts";
import { latin1 } from "./latin1.ts";
import { NameCache } from "./name-cache.ts";

const INTEGER_MAX = 0x7fff_ffff;
const CONTINUATION_BYTES_MAX = 5;
const NO_BYTES = new Uint8Array(0);
/** Beyond this the scratch is given back: one large header must not be paid for ever after. */
const SCRATCH_KEPT_BYTES = 16 * 1024;

/** Names that came as literals, for all connections: there are few, and they come again and again. */
const names = new NameCache();
/** Where Huffman code is decoded to. Decoding is synchronous, so that one serves all. */
let scratch: Uint8Array = Buffer.allocUnsafeSlow(1024);

/** Reads the primitives of a header block: integers and strings (RFC 7541, 5). Throws ConnectionError(COMPRESSION_ERROR). */
export class BlockReader {
  bytes: Uint8Array = NO_BYTES;
  at = 0;
  end = 0;

  open(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** Lets the block go, which may be a view of a large read buffer. */
  close(): void {
    this.bytes = NO_BYTES;
  }

  /** An integer whose prefix is the bits of `mask` in the byte at the position (RFC 7541, 5.1). */
  integer(mask: number): number {
    const prefix = (this.bytes[this.at++] as number) & mask;
    return prefix === mask ? this.#continued(mask) : prefix;
  }

  /** A string (RFC 7541, 5.2), a character for each byte. */
  string(): string {
    const { bytes } = this;
    const coded = this.#stringIsCoded();
    const length = this.#stringLength();
    const start = this.at;
    this.at = start + length;
    if (!coded) return latin1(bytes, start, start + length);
    return decodedString(bytes, start, start + length);
  }

  /** The same for a name: one that was met before is the same string. */
  name(): string {
    const { bytes } = this;
    const coded = this.#stringIsCoded();
    const length = this.#stringLength();
    const start = this.at;
    const slot = names.slot(bytes, start, length, coded);
    const known = names.find(slot, bytes, start, length, coded);
    if (known !== undefined) {
      this.at = start + length;
      return known;
    }
    this.at = start + length;
    const name = coded ? decodedString(bytes, start, start + length) : latin1(bytes, start, start + length);
    return names.keep(slot, bytes, start, length, coded, name);
  }

  /** Checks a string as `string` does and returns its length alone. */
  skipString(): number {
    const coded = this.#stringIsCoded();
    const length = this.#stringLength();
    const start = this.at;
    this.at = start + length;
    return coded ? decode(this.bytes, start, start + length) : length;
  }

  #stringIsCoded(): boolean {
    if (this.at >= this.end) throw truncated();
    return (this.bytes[this.at] as number) >= 0x80;
  }

  #stringLength(): number {
    const length = this.integer(0x7f);
    if (length > this.end - this.at) throw truncated();
    return length;
  }

  #continued(mask: number): number {
    let value = mask;
    let unit = 1;
    for (let count = 0; count < CONTINUATION_BYTES_MAX; count++) {
      if (this.at >= this.end) throw truncated();
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * unit;
      unit *= 128;
      if (byte < 0x80) {
        if (value > INTEGER_MAX) break;
        return value;
      }
    }
    throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, "integer in a header block is too large");
  }
}

const decodedString = (bytes: Uint8Array, start: number, end: number): string => {
  // Before the scratch is named: decoding may put a larger one in its place.
  const length = decode(bytes, start, end);
  return latin1(scratch, 0, length);
};

/** Decodes to the scratch and returns the count of bytes. */
function decode(bytes: Uint8Array, start: number, end: number): number {
  const needed = decodedBytesMax(end - start);
  if (needed > scratch.length || (scratch.length > SCRATCH_KEPT_BYTES && needed <= SCRATCH_KEPT_BYTES)) {
    scratch = Buffer.allocUnsafeSlow(Math.max(1024, needed));
  }
  const length = decodeHuffman(bytes, start, end, scratch);
  if (length < 0) throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, "bad Huffman code in a header block");
  return length;
}

const truncated = (): ConnectionError =>
  new ConnectionError(ErrorCode.COMPRESSION_ERROR, "header block ends inside a field");
