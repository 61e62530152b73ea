import type { DescMessage, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { compileDecoder } from "./codec/decoder.ts";
import { compileEncoder } from "./codec/encoder.ts";

/** Messages of one type to bytes and back, with Connect's words for what is wrong. */
export interface BinaryCodec {
  /** Throws a ConnectError. */
  parse(bytes: Uint8Array): Message;
  /** Throws a ConnectError. */
  serialize(message: Message): Uint8Array;
  /** The same after the prefix of a gRPC message that is not compressed, of PREFIX_BYTES. Throws a ConnectError. */
  serializeEnveloped(message: Message): Uint8Array;
}

export const binaryCodec = (schema: DescMessage): BinaryCodec => {
  const decoder = compileDecoder(schema);
  const encoder = compileEncoder(schema);
  return {
    parse(bytes) {
      try {
        return decoder.decode(bytes);
      } catch (error) {
        throw codecError("parse binary", error);
      }
    },
    serialize(message) {
      try {
        return encoder.encode(message);
      } catch (error) {
        throw codecError("serialize binary", error);
      }
    },
    serializeEnveloped(message) {
      try {
        return encoder.encodeEnveloped(message);
      } catch (error) {
        throw codecError("serialize binary", error);
      }
    },
  };
};

const codecError = (what: string, error: unknown): ConnectError =>
  new ConnectError(
    `${what}: ${error instanceof Error ? error.message : String(error)}`,
    Code.Internal,
    undefined,
    undefined,
    error,
  );
