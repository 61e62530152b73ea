import { create, type DescMessage } from "@bufbuild/protobuf";
import type { Input } from "./input.ts";
import { readEnd, readVarint } from "./read-scalar.ts";
import { unusual } from "./unusual.ts";

/** A message while its fields are set, by their names in TypeScript. */
export type Target = Record<string, unknown>;

/** Reads a field, after its tag, into a message. */
export type ReadField = (input: Input, message: Target) => void;

/** How messages of one type are read. */
export interface FieldTable {
  readonly schema: DescMessage;
  /** By tag: the number of a field and its wire type. */
  readonly byShortTag: (ReadField | undefined)[];
  readonly byLongTag: Map<number, ReadField>;
  readonly numbers: Set<number>;
}

/** Tags below this are one byte: those of the fields 1 to 15. */
export const SHORT_TAGS = 128;
/** As in protobuf-es. */
const DEPTH_MAX = 100;

/** The tables of the types that were asked for, and of those within them. */
export type FieldsOf = (schema: DescMessage) => FieldTable;

/** A new message from the bytes between `input.pos` and `end`. */
export const readMessage = (input: Input, table: FieldTable, end: number): Target => {
  const message = create(table.schema) as unknown as Target;
  mergeMessage(input, table, end, message);
  return message;
};

/** Reads the fields between `input.pos` and `end` into a message. */
export const mergeMessage = (input: Input, table: FieldTable, end: number, message: Target): void => {
  if (++input.depth > DEPTH_MAX) throw unusual;
  const { byShortTag } = table;
  let unknown: unknown[] | undefined;
  while (input.pos < end) {
    const tag = readTag(input);
    const read = tag < SHORT_TAGS ? byShortTag[tag] : table.byLongTag.get(tag);
    if (read !== undefined) read(input, message);
    else {
      unknown ??= (message.$unknown as unknown[] | undefined) ?? [];
      unknown.push(readUnknown(input, table, tag));
    }
  }
  // Beyond `end`, where the bytes are too short as well.
  if (input.pos !== end) throw unusual;
  if (unknown !== undefined) message.$unknown = unknown;
  input.depth--;
};

/** The number of a field and its wire type. */
export const readTag = (input: Input): number => {
  const start = input.pos;
  const tag = readVarint(input);
  const length = input.pos - start;
  // More than 32 bits.
  if (length > 5 || (length === 5 && (input.bytes[start + 4] as number) > 0x0f)) throw unusual;
  return tag;
};

const readUnknown = (input: Input, table: FieldTable, tag: number): unknown => {
  const no = tag >>> 3;
  const wireType = tag & 7;
  // A field in another form than the contract's.
  if (no === 0 || table.numbers.has(no)) throw unusual;
  const start = input.pos;
  if (wireType === 0) skipVarint(input);
  else if (wireType === 1) input.pos += 8;
  else if (wireType === 2) input.pos = readEnd(input);
  else if (wireType === 5) input.pos += 4;
  else throw unusual;
  return { no, wireType, data: input.bytes.subarray(start, input.pos) };
};

const skipVarint = (input: Input): void => {
  while ((input.bytes[input.pos++] as number) >= 0x80);
};
