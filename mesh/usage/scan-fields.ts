import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { SAMPLE_DEPTH_MAX } from "./limits.ts";

/** A field that a message can set. One object per message and number: it may be compared by identity. */
export interface FieldRef {
  /** The message's full name. */
  readonly message: string;
  readonly number: number;
}

/**
 * The fields that a serialized message sets, itself and within it, without decoding any value. Numbers that the contract does not
 * have are left out, and so is what is within messages of `google.protobuf`. Undefined when the bytes are no message.
 */
export const scanFields = (message: DescMessage, bytes: Uint8Array): ReadonlySet<FieldRef> | undefined => {
  const seen = new Set<FieldRef>();
  const cursor = { bytes, at: 0 };
  return scan(cursor, bytes.length, shapeOf(message), SAMPLE_DEPTH_MAX, NO_GROUP, seen) ? seen : undefined;
};

/** What is known of a message: its fields by their number. */
type Shape = ReadonlyMap<number, FieldShape>;

interface FieldShape {
  /** Undefined for the value of a map, which is none of the contract's fields. */
  readonly ref: FieldRef | undefined;
  /** What is within it; undefined for what is not looked into. */
  readonly within: () => Shape | undefined;
}

const shapes = new WeakMap<DescMessage, Shape>();

const shapeOf = (message: DescMessage): Shape => {
  const known = shapes.get(message);
  if (known !== undefined) return known;
  const shape: Shape = new Map(
    message.fields.map((field) => [
      field.number,
      { ref: { message: message.typeName, number: field.number }, within: withinOf(field) },
    ]),
  );
  shapes.set(message, shape);
  return shape;
};

/** Looked up when it is needed: messages may hold themselves. */
const withinOf = (field: DescField): (() => Shape | undefined) => {
  const { message } = field;
  if (message === undefined || message.typeName.startsWith("google.protobuf.")) return () => undefined;
  if (field.fieldKind !== "map") return () => shapeOf(message);
  const entry: Shape = new Map([[MAP_VALUE, { ref: undefined, within: () => shapeOf(message) }]]);
  return () => entry;
};

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** The number of the value in an entry of a map. */
const MAP_VALUE = 2;
/** No field has this number, so that no group ends by it. */
const NO_GROUP = 0;
/** Groups within each other below what is looked into; they nest without a length that would bound them. */
const GROUPS_MAX = 32;

/** Walks over the fields up to `end`, or to the end of `group`; false when the bytes are no such thing. */
const scan = (
  cursor: Cursor,
  end: number,
  shape: Shape | undefined,
  depth: number,
  group: number,
  seen: Set<FieldRef>,
): boolean => {
  while (cursor.at < end) {
    const tag = readVarint(cursor, end);
    // 29 bits of number and 3 of type.
    if (tag === undefined || tag > 0xffff_ffff) return false;
    const number = tag >>> 3;
    if (number === 0) return false;
    const type = tag & 7;
    if (type === WireType.EndGroup) return number === group;
    const field = shape?.get(number);
    if (field?.ref !== undefined) seen.add(field.ref);
    if (type === WireType.Varint) {
      if (readVarint(cursor, end) === undefined) return false;
    } else if (type === WireType.Bit64) {
      cursor.at += 8;
    } else if (type === WireType.Bit32) {
      cursor.at += 4;
    } else if (type === WireType.Bytes) {
      const length = readVarint(cursor, end);
      if (length === undefined || length > end - cursor.at) return false;
      const next = cursor.at + length;
      const within = depth > 1 ? field?.within() : undefined;
      if (within !== undefined && !scan(cursor, next, within, depth - 1, NO_GROUP, seen)) return false;
      cursor.at = next;
    } else if (type === WireType.StartGroup) {
      const within = depth > 1 ? field?.within() : undefined;
      if (depth < -GROUPS_MAX || !scan(cursor, end, within, depth - 1, number, seen)) return false;
    } else {
      return false;
    }
  }
  return cursor.at === end && group === NO_GROUP;
};

/** https://protobuf.dev/programming-guides/encoding/#structure */
const WireType = { Varint: 0, Bit64: 1, Bytes: 2, StartGroup: 3, EndGroup: 4, Bit32: 5 } as const;

/** A varint of at most 10 bytes; values past 2^53 are not exact, and of no use here. */
const readVarint = (cursor: Cursor, end: number): number | undefined => {
  let value = 0;
  let factor = 1;
  for (let read = 0; read < 10; read++) {
    if (cursor.at >= end) return undefined;
    const byte = cursor.bytes[cursor.at++] as number;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 128;
  }
  return undefined;
};
