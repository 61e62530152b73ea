import { join } from "node:path";
import type { Message, Registry } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import type { Any } from "@bufbuild/protobuf/wkt";
import { compileProtos, registryOf } from "./compile-protos.ts";

type Named<N extends string, F> = Message<`interop.v1.${N}`> & F;
export type Failure = Named<"Failure", { code: number; message: string; details: Any[] }>;
/** What a request asks for; see proto/interop/v1/interop_service.proto. */
export type Order = Named<
  "Order",
  { payload: Uint8Array; delayMs: number; paddingBytes: number; failure?: Failure | undefined }
>;
type Request<N extends string> = Named<`${N}Request`, { order?: Order }>;
type Reply<N extends string> = Named<`${N}Response`, { payload: Uint8Array }>;
type Method<K extends string, I extends Message, O extends Message> = {
  methodKind: K;
  input: GenMessage<I>;
  output: GenMessage<O>;
};
type Service = GenService<{
  say: Method<"unary", Request<"Say">, Reply<"Say">>;
  gather: Method<"client_streaming", Request<"Gather">, Reply<"Gather">>;
  repeat: Method<"server_streaming", Request<"Repeat"> & { count: number }, Reply<"Repeat">>;
  converse: Method<"bidi_streaming", Request<"Converse">, Reply<"Converse">>;
  missing: Method<"unary", Named<"MissingRequest", unknown>, Named<"MissingResponse", unknown>>;
}>;

/** The contract as bytes, for peers that are no TypeScript. */
export const descriptorSet: Uint8Array = compileProtos(join(import.meta.dirname, "proto"));

export const registry: Registry = registryOf(descriptorSet);

export const InteropService = registry.getService("interop.v1.InteropService") as unknown as Service;

/** The metadata that every method sends back. */
export const ECHO_HEADER = "x-echo-header";
export const ECHO_TRAILERS = ["x-echo-trailer", "x-echo-trailer-bin"] as const;
