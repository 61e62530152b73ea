import { type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { PREFIX_BYTES } from "../envelope.ts";
import { Output } from "./output.ts";
import { fieldWriters } from "./write-field.ts";
import { type Fields, type MessageWriter, writeMessage } from "./write-message.ts";

/**
 * Messages of one type to bytes: the very bytes that protobuf-es's `toBinary` makes of them, and its errors. Several results
 * share memory, which is never written again: they may be kept (and then keep up to 64 KiB alive), but not be transferred.
 */
export interface MessageEncoder {
  /** Throws what `toBinary` throws. */
  encode(message: Message): Uint8Array;
  /** The same with the prefix of a gRPC message that is not compressed before it. Throws what `toBinary` throws. */
  encodeEnveloped(message: Message): Uint8Array;
}

/** The encoder of a message type. It is made at the first call and kept as long as `schema`. */
export const compileEncoder = (schema: DescMessage): MessageEncoder => {
  const known = encoders.get(schema);
  if (known !== undefined) return known;
  const encoder = encoderOf(schema);
  encoders.set(schema, encoder);
  return encoder;
};

const encoders = new WeakMap<DescMessage, MessageEncoder>();
const writers = new WeakMap<DescMessage, MessageWriter>();
const output = new Output();

const encoderOf = (schema: DescMessage): MessageEncoder => {
  const writer = writerOf(schema);
  const write = (out: Output, pos: number, message: Fields): number => writeMessage(out, pos, writer, message);
  return {
    encode(message) {
      try {
        return output.take(0, write, message as unknown as Fields);
      } catch {
        // protobuf-es knows what to do with it, or what to say of it.
        return toBinary(schema, message);
      }
    },
    encodeEnveloped(message) {
      let enveloped: Uint8Array;
      try {
        enveloped = output.take(PREFIX_BYTES, write, message as unknown as Fields);
      } catch {
        const bytes = toBinary(schema, message);
        enveloped = new Uint8Array(PREFIX_BYTES + bytes.length);
        enveloped.set(bytes, PREFIX_BYTES);
      }
      const length = enveloped.length - PREFIX_BYTES;
      enveloped[0] = 0;
      enveloped[1] = length >>> 24;
      enveloped[2] = length >>> 16;
      enveloped[3] = length >>> 8;
      enveloped[4] = length;
      return enveloped;
    },
  };
};

const writerOf = (schema: DescMessage): MessageWriter => {
  const known = writers.get(schema);
  if (known !== undefined) return known;
  const writer: MessageWriter = { typeName: schema.typeName, fields: [] };
  // Known before its fields are, for a message may hold messages of its own type.
  writers.set(schema, writer);
  writer.fields.push(...fieldWriters(schema, writerOf));
  return writer;
};
