import type { DescMessage } from "@bufbuild/protobuf";
import type { Output } from "./output.ts";
import { unusual } from "./unusual.ts";
import { varintBytes, writeRaw, writeVarint } from "./write-scalar.ts";

/** A message as its fields, by their names in TypeScript. */
export type Fields = Readonly<Record<string, unknown>>;

/** Writes a field of a message with its tag, or nothing where it is not set. */
export type WriteField = (out: Output, pos: number, message: Fields) => number;

/** How messages of one type are written. `fields` are in the order of their numbers, as protobuf-es writes them. */
export interface MessageWriter {
  readonly typeName: string;
  readonly fields: WriteField[];
}

/** Writes a message without its length. Throws `unusual` for one of another type. */
export const writeMessage = (out: Output, start: number, writer: MessageWriter, message: Fields): number => {
  if (message.$typeName !== writer.typeName) throw unusual;
  const { fields } = writer;
  let pos = start;
  for (let index = 0; index < fields.length; index++) pos = (fields[index] as WriteField)(out, pos, message);
  const unknown = message.$unknown;
  return unknown === undefined ? pos : writeUnknown(out, pos, unknown);
};

type UnknownField = { readonly no: number; readonly wireType: number; readonly data: unknown };

const writeUnknown = (out: Output, start: number, unknown: unknown): number => {
  if (!Array.isArray(unknown)) throw unusual;
  let pos = start;
  for (const { no, wireType, data } of unknown as readonly UnknownField[]) {
    if (!(data instanceof Uint8Array)) throw unusual;
    pos = writeRaw(out, writeVarint(out.bytes, pos, ((no << 3) | wireType) >>> 0), data);
  }
  return pos;
};

/**
 * The place of a length that is written after what it measures. It takes as many bytes as the last one did at this place, and
 * what was written moves where that was wrong.
 */
export class LengthPlace {
  #size = 1;

  /** Where the content begins. */
  contentStart(out: Output, pos: number): number {
    return out.exact ? pos + 1 : pos + this.#size;
  }

  /** Writes the length at `pos` of what lies between `start` and `end`; returns the new end. */
  close(out: Output, pos: number, start: number, end: number): number {
    const length = end - start;
    const size = varintBytes(length);
    const { bytes } = out;
    if (pos + size !== start) {
      this.#size = size;
      if (end > out.limit) out.lost = true;
      bytes.copyWithin(pos + size, start, end);
    }
    if (size === 1) bytes[pos] = length;
    else writeVarint(bytes, pos, length);
    return pos + size + length;
  }
}

/** The writers of the types that were asked for, and of those within them. */
export type MessageWriters = (schema: DescMessage) => MessageWriter;
