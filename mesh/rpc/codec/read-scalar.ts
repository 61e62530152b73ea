import { ScalarType } from "@bufbuild/protobuf";
import type { Input } from "./input.ts";
import { unusual } from "./unusual.ts";

/** Reads a value, after its tag. Throws `unusual` for what protobuf-es refuses or reads in a way of its own. */
export type ReadScalar = (input: Input) => unknown;

/** `longAsString`: 64 bits become a string. */
export const scalarReader = (type: ScalarType, longAsString: boolean): ReadScalar => {
  const read = readers[type];
  return longAsString ? (input) => String(read(input)) : read;
};

/** An unsigned number of 32 bits. Of a longer one, the lower 32 bits. */
export const readVarint = (input: Input): number => {
  const byte = input.bytes[input.pos] as number;
  if (byte < 0x80) {
    input.pos++;
    return byte;
  }
  return readLongVarint(input);
};

const readLongVarint = (input: Input): number => {
  const { bytes } = input;
  let { pos } = input;
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[pos++] as number;
    if (shift < 35) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      input.pos = pos;
      return value >>> 0;
    }
  }
  throw unusual;
};

/** Reads a length; returns where what it measures ends. */
export const readEnd = (input: Input): number => {
  const length = readVarint(input);
  const end = input.pos + length;
  if (end > input.bytes.length) throw unusual;
  return end;
};

/** Up to here a loop is faster than a call into the engine. */
const SHORT_TEXT_BYTES = 16;
/** The characters of a short text, by its length. */
const codesOf = Array.from({ length: SHORT_TEXT_BYTES + 1 }, (_, length) => Array<number>(length).fill(0));

const readString = (input: Input): string => {
  const end = readEnd(input);
  const start = input.pos;
  const length = end - start;
  input.pos = end;
  if (length > SHORT_TEXT_BYTES) return readText(input.bytes, start, end);
  const codes = codesOf[length] as number[];
  const { bytes } = input;
  for (let index = 0; index < length; index++) {
    const byte = bytes[start + index] as number;
    if (byte > 0x7f) return readText(bytes, start, end);
    codes[index] = byte;
  }
  return String.fromCharCode.apply(undefined, codes);
};

/** Node.js's own decoder, called on bytes that are no Buffer: making one costs more than the text. */
const { utf8Slice } = Buffer.prototype as unknown as {
  utf8Slice(this: Uint8Array, start: number, end: number): string;
};

const readText = (bytes: Uint8Array, start: number, end: number): string => {
  const text = utf8Slice.call(bytes, start, end);
  // What bytes that are no UTF-8 become; it may stand there by itself as well.
  if (text.includes("\ufffd")) throw unusual;
  return text;
};

const readBytes = (input: Input): Uint8Array => {
  const end = readEnd(input);
  const start = input.pos;
  input.pos = end;
  return input.bytes.subarray(start, end);
};

/** Enums too. */
export const readInt32 = (input: Input): number => readVarint(input) | 0;

const readSint32 = (input: Input): number => {
  const value = readVarint(input);
  return (value >>> 1) ^ -(value & 1);
};

const readBool = (input: Input): boolean => {
  const byte = input.bytes[input.pos] as number;
  if (!(byte < 0x80)) throw unusual;
  input.pos++;
  return byte !== 0;
};

const readWord = (input: Input): number => {
  const { bytes, pos } = input;
  input.pos = pos + 4;
  return (
    (bytes[pos] as number) |
    ((bytes[pos + 1] as number) << 8) |
    ((bytes[pos + 2] as number) << 16) |
    ((bytes[pos + 3] as number) << 24)
  );
};

/** Eight bytes on their way to a number. */
const eight = new DataView(new ArrayBuffer(8));
const fill = (low: number, high: number): void => {
  eight.setInt32(0, low, true);
  eight.setInt32(4, high, true);
};

const readLong = (input: Input): void => {
  const { bytes } = input;
  let { pos } = input;
  let low = 0;
  let high = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[pos++] as number;
    const bits = byte & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >>> 4;
    } else high |= bits << (shift - 32);
    if (byte < 0x80) {
      input.pos = pos;
      fill(low, high);
      return;
    }
  }
  throw unusual;
};

const readInt64 = (input: Input): bigint => {
  readLong(input);
  return eight.getBigInt64(0, true);
};

const readUint64 = (input: Input): bigint => {
  readLong(input);
  return eight.getBigUint64(0, true);
};

const readSint64 = (input: Input): bigint => {
  readLong(input);
  const value = eight.getBigUint64(0, true);
  return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
};

const readEight = (input: Input): void => {
  const low = readWord(input);
  fill(low, readWord(input));
};

const readers: Readonly<Record<ScalarType, ReadScalar>> = {
  [ScalarType.STRING]: readString,
  [ScalarType.BYTES]: readBytes,
  [ScalarType.BOOL]: readBool,
  [ScalarType.INT32]: readInt32,
  [ScalarType.UINT32]: readVarint,
  [ScalarType.SINT32]: readSint32,
  [ScalarType.FIXED32]: (input) => readWord(input) >>> 0,
  [ScalarType.SFIXED32]: readWord,
  [ScalarType.FLOAT]: (input) => {
    fill(readWord(input), 0);
    return eight.getFloat32(0, true);
  },
  [ScalarType.DOUBLE]: (input) => {
    readEight(input);
    return eight.getFloat64(0, true);
  },
  [ScalarType.INT64]: readInt64,
  [ScalarType.UINT64]: readUint64,
  [ScalarType.SINT64]: readSint64,
  [ScalarType.FIXED64]: (input) => {
    readEight(input);
    return eight.getBigUint64(0, true);
  },
  [ScalarType.SFIXED64]: (input) => {
    readEight(input);
    return eight.getBigInt64(0, true);
  },
};
