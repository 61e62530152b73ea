import { type BinaryCodec, binaryCodec } from "./binary-codec.ts";
import type { CompiledMethod } from "./compile-method.ts";

/** A method with what turns its messages into bytes and back. */
export interface GrpcMethod {
  readonly compiled: CompiledMethod;
  readonly input: BinaryCodec;
  readonly output: BinaryCodec;
}

export const grpcMethod = (compiled: CompiledMethod): GrpcMethod => ({
  compiled,
  input: binaryCodec(compiled.method.input),
  output: binaryCodec(compiled.method.output),
});
