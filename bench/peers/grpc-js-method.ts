import { type DescMethod, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";

/** A method as grpc-js wants it, with the codec that everybody uses. */
export const grpcJsMethod = <M extends DescMethod>(
  method: M,
): MethodDefinition<MessageShape<M["input"]>, MessageShape<M["output"]>> => ({
  path: `/${method.parent.typeName}/${method.name}`,
  requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
  responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
  requestSerialize: (message) => asBuffer(toBinary(method.input as M["input"], message)),
  requestDeserialize: (bytes) => fromBinary(method.input as M["input"], bytes),
  responseSerialize: (message) => asBuffer(toBinary(method.output as M["output"], message)),
  responseDeserialize: (bytes) => fromBinary(method.output as M["output"], bytes),
});

/** The same bytes, not a copy of them. */
const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
