import type { Readable } from "node:stream";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/** Reads the messages of a stream in which each follows its length, 32 bits, big-endian. */
export async function* readFramed<D extends DescMessage>(input: Readable, schema: D): AsyncGenerator<MessageShape<D>> {
  let seen: Buffer = Buffer.alloc(0);
  for await (const chunk of input) {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    while (seen.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + seen.readUInt32BE(0);
      if (seen.length < end) break;
      yield fromBinary(schema, seen.subarray(PREFIX_BYTES, end));
      seen = seen.subarray(end);
    }
  }
}

/** One message after its length. */
export const framed = <D extends DescMessage>(schema: D, init: MessageInitShape<D>): Buffer => {
  const bytes = toBinary(schema, create(schema, init));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(bytes.length);
  return Buffer.concat([prefix, bytes]);
};

const PREFIX_BYTES = 4;
