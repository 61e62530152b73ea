import { type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
import { Input } from "./input.ts";
import { fieldReaders } from "./read-field.ts";
import { type FieldTable, readMessage, SHORT_TAGS } from "./read-message.ts";

/** Messages of one type from bytes: the very messages that protobuf-es's `fromBinary` makes of them, and its errors. */
export interface MessageDecoder {
  /** Fields of type bytes and unknown fields are views of `bytes`. Throws what `fromBinary` throws. */
  decode(bytes: Uint8Array): Message;
}

/** The decoder of a message type. It is made at the first call and kept as long as `schema`. */
export const compileDecoder = (schema: DescMessage): MessageDecoder => {
  const known = decoders.get(schema);
  if (known !== undefined) return known;
  const decoder = decoderOf(schema);
  decoders.set(schema, decoder);
  return decoder;
};

const NOTHING = new Uint8Array(0);
const decoders = new WeakMap<DescMessage, MessageDecoder>();
const tables = new WeakMap<DescMessage, FieldTable>();
const input = new Input();

const decoderOf = (schema: DescMessage): MessageDecoder => {
  const table = tableOf(schema);
  return {
    decode(bytes) {
      try {
        input.bytes = bytes;
        input.pos = 0;
        input.depth = 0;
        return readMessage(input, table, bytes.length) as unknown as Message;
      } catch {
        // protobuf-es knows what to do with it, or what to say of it.
        return fromBinary(schema, bytes);
      } finally {
        input.bytes = NOTHING;
      }
    },
  };
};

const tableOf = (schema: DescMessage): FieldTable => {
  const known = tables.get(schema);
  if (known !== undefined) return known;
  const table: FieldTable = {
    schema,
    byShortTag: Array(SHORT_TAGS).fill(undefined),
    byLongTag: new Map(),
    numbers: new Set(schema.fields.map(({ number }) => number)),
  };
  // Known before its fields are, for a message may hold messages of its own type.
  tables.set(schema, table);
  for (const field of schema.fields) {
    for (const [tag, read] of fieldReaders(field, tableOf)) {
      if (tag < SHORT_TAGS) table.byShortTag[tag] = read;
      else table.byLongTag.set(tag, read);
    }
  }
  return table;
};
