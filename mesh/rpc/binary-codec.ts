import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

/** Messages of one type to bytes and back, with Connect's words for what is wrong. */
export interface BinaryCodec {
  /** Throws a ConnectError. */
  parse(bytes: Uint8Array): Message;
  /** Throws a ConnectError. */
  serialize(message: Message): Uint8Array;
}

export const binaryCodec = (schema: DescMessage): BinaryCodec => ({
  parse(bytes) {
    try {
      return fromBinary(schema, bytes);
    } catch (error) {
      throw codecError("parse binary", error);
    }
  },
  serialize(message) {
    try {
      return toBinary(schema, message);
    } catch (error) {
      throw codecError("serialize binary", error);
    }
  },
});

const codecError = (what: string, error: unknown): ConnectError =>
  new ConnectError(
    `${what}: ${error instanceof Error ? error.message : String(error)}`,
    Code.Internal,
    undefined,
    undefined,
    error,
  );
