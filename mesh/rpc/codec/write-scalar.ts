import { ScalarType } from "@bufbuild/protobuf";
import type { Output } from "./output.ts";
import { unusual } from "./unusual.ts";

/** Writes a value without its tag. Throws `unusual` for what protobuf-es refuses or converts. */
export type WriteScalar = (out: Output, pos: number, value: unknown) => number;

export const scalarWriter = (type: ScalarType): WriteScalar => writers[type];

/** The wire type of a scalar that stands for itself (protobuf encoding, "Message Structure"). */
export const wireTypeOf = (type: ScalarType): number => {
  switch (type) {
    case ScalarType.BYTES:
    case ScalarType.STRING:
      return LENGTH_DELIMITED;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return 1;
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
    case ScalarType.FLOAT:
      return 5;
    default:
      return 0;
  }
};

/** What stands before a value: its field's number and its wire type. */
export const tagOf = ({ number }: { readonly number: number }, wireType: number): number =>
  ((number << 3) | wireType) >>> 0;

export const LENGTH_DELIMITED = 2;
export const START_GROUP = 3;
export const END_GROUP = 4;

/** An unsigned number of 32 bits, seven bits to a byte. */
export const writeVarint = (bytes: Uint8Array, start: number, value: number): number => {
  let pos = start;
  let rest = value;
  while (rest > 0x7f) {
    bytes[pos++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[pos++] = rest;
  return pos;
};

/** Bytes that `writeVarint` takes. */
export const varintBytes = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;

/** A number of 64 bits, in two halves. */
const writeVarint64 = (bytes: Uint8Array, start: number, low: number, high: number): number => {
  let pos = start;
  let lo = low;
  let hi = high;
  while (hi !== 0) {
    bytes[pos++] = (lo & 0x7f) | 0x80;
    lo = (lo >>> 7) | (hi << 25);
    hi >>>= 7;
  }
  return writeVarint(bytes, pos, lo >>> 0);
};

/** Up to here a loop is faster than a call into the engine. */
const SHORT_TEXT_LENGTH = 24;
const SHORT_BYTES_LENGTH = 24;

export const writeString: WriteScalar = (out, pos, value) => {
  if (typeof value !== "string") throw unusual;
  const { length } = value;
  if (length > SHORT_TEXT_LENGTH) return writeText(out, pos, value);
  const { bytes } = out;
  const start = pos + 1;
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index);
    if (code > 0x7f) return writeText(out, pos, value);
    bytes[start + index] = code;
  }
  bytes[pos] = length;
  return start + length;
};

const writeText = (out: Output, pos: number, text: string): number => {
  const { length } = text;
  const guess = varintBytes(length);
  const start = pos + guess;
  // A UTF-16 code unit takes at most three bytes.
  if (start + length * 3 > out.limit) return writeMeasured(out, pos, text);
  const written = out.text.write(text, start, "utf8");
  const size = varintBytes(written);
  if (size !== guess) out.bytes.copyWithin(pos + size, start, start + written);
  return writeVarint(out.bytes, pos, written) + written;
};

const writeMeasured = (out: Output, pos: number, text: string): number => {
  const length = Buffer.byteLength(text, "utf8");
  const start = writeVarint(out.bytes, pos, length);
  if (start + length <= out.limit) out.text.write(text, start, "utf8");
  return start + length;
};

/** Bytes as they are. */
export const writeRaw = (out: Output, pos: number, chunk: Uint8Array): number => {
  const { length } = chunk;
  const { bytes } = out;
  const end = pos + length;
  if (length <= SHORT_BYTES_LENGTH) {
    for (let index = 0; index < length; index++) bytes[pos + index] = chunk[index] as number;
  } else if (end <= out.limit) {
    bytes.set(chunk, pos);
  }
  return end;
};

const writeBytes: WriteScalar = (out, pos, value) => {
  if (!(value instanceof Uint8Array)) throw unusual;
  return writeRaw(out, writeVarint(out.bytes, pos, value.length), value);
};

const writeBool: WriteScalar = (out, pos, value) => {
  if (typeof value !== "boolean") throw unusual;
  out.bytes[pos] = value ? 1 : 0;
  return pos + 1;
};

/** Enums too. */
const writeInt32: WriteScalar = (out, pos, value) => {
  const number = int32Of(value);
  if (number >= 0) return writeVarint(out.bytes, pos, number);
  return writeVarint64(out.bytes, pos, number, 0xffffffff);
};

const writeUint32: WriteScalar = (out, pos, value) => writeVarint(out.bytes, pos, uint32Of(value));

const writeSint32: WriteScalar = (out, pos, value) => {
  const number = int32Of(value);
  return writeVarint(out.bytes, pos, ((number << 1) ^ (number >> 31)) >>> 0);
};

const writeFixed32: WriteScalar = (out, pos, value) => writeWord(out.bytes, pos, uint32Of(value));
const writeSfixed32: WriteScalar = (out, pos, value) => writeWord(out.bytes, pos, int32Of(value));

const writeFloat: WriteScalar = (out, pos, value) => {
  if (typeof value !== "number") throw unusual;
  if (!Number.isFinite(Math.fround(value)) && Number.isFinite(value)) throw unusual;
  if (pos + 4 <= out.limit) out.view.setFloat32(pos, value, true);
  return pos + 4;
};

const writeDouble: WriteScalar = (out, pos, value) => {
  if (typeof value !== "number") throw unusual;
  if (pos + 8 <= out.limit) out.view.setFloat64(pos, value, true);
  return pos + 8;
};

const writeInt64: WriteScalar = (out, pos, value) => {
  halves.setBigInt64(0, int64Of(value), true);
  return writeVarint64(out.bytes, pos, lowHalf(), highHalf());
};

const writeUint64: WriteScalar = (out, pos, value) => {
  halves.setBigUint64(0, uint64Of(value), true);
  return writeVarint64(out.bytes, pos, lowHalf(), highHalf());
};

const writeSint64: WriteScalar = (out, pos, value) => {
  const number = int64Of(value);
  halves.setBigInt64(0, (number << 1n) ^ (number >> 63n), true);
  return writeVarint64(out.bytes, pos, lowHalf(), highHalf());
};

const writeFixed64: WriteScalar = (out, pos, value) => {
  halves.setBigUint64(0, uint64Of(value), true);
  return writeWord(out.bytes, writeWord(out.bytes, pos, lowHalf()), highHalf());
};

const writeSfixed64: WriteScalar = (out, pos, value) => {
  halves.setBigInt64(0, int64Of(value), true);
  return writeWord(out.bytes, writeWord(out.bytes, pos, lowHalf()), highHalf());
};

const writeWord = (bytes: Uint8Array, pos: number, word: number): number => {
  bytes[pos] = word;
  bytes[pos + 1] = word >>> 8;
  bytes[pos + 2] = word >>> 16;
  bytes[pos + 3] = word >>> 24;
  return pos + 4;
};

const int32Of = (value: unknown): number => {
  if (typeof value !== "number" || (value | 0) !== value) throw unusual;
  return value;
};

const uint32Of = (value: unknown): number => {
  if (typeof value !== "number" || value >>> 0 !== value) throw unusual;
  return value;
};

/** 64 bits may be given as a string (`jstype = JS_STRING`) or a number. */
const bigOf = (value: unknown): bigint => {
  if (typeof value === "bigint") return value;
  if (typeof value === "string" || typeof value === "number") return BigInt(value);
  throw unusual;
};

const int64Of = (value: unknown): bigint => {
  const number = bigOf(value);
  if (number > INT64_MAX || number < INT64_MIN) throw unusual;
  return number;
};

const uint64Of = (value: unknown): bigint => {
  const number = bigOf(value);
  if (number > UINT64_MAX || number < 0n) throw unusual;
  return number;
};

const INT64_MAX = 0x7fffffffffffffffn;
const INT64_MIN = -0x8000000000000000n;
const UINT64_MAX = 0xffffffffffffffffn;

/** A number of 64 bits on its way into two halves. */
const halves = new DataView(new ArrayBuffer(8));
const lowHalf = (): number => halves.getInt32(0, true);
const highHalf = (): number => halves.getInt32(4, true);

const writers: Readonly<Record<ScalarType, WriteScalar>> = {
  [ScalarType.STRING]: writeString,
  [ScalarType.BYTES]: writeBytes,
  [ScalarType.BOOL]: writeBool,
  [ScalarType.INT32]: writeInt32,
  [ScalarType.UINT32]: writeUint32,
  [ScalarType.SINT32]: writeSint32,
  [ScalarType.FIXED32]: writeFixed32,
  [ScalarType.SFIXED32]: writeSfixed32,
  [ScalarType.FLOAT]: writeFloat,
  [ScalarType.DOUBLE]: writeDouble,
  [ScalarType.INT64]: writeInt64,
  [ScalarType.UINT64]: writeUint64,
  [ScalarType.SINT64]: writeSint64,
  [ScalarType.FIXED64]: writeFixed64,
  [ScalarType.SFIXED64]: writeSfixed64,
};
