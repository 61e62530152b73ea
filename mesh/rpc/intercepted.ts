import type { DescMethod } from "@bufbuild/protobuf";
import { createMethodImplSpec, type HandlerContext, type Interceptor, type MethodImpl } from "@connectrpc/connect";
import {
  createAsyncIterable,
  invokeUnaryImplementation,
  transformInvokeImplementation,
} from "@connectrpc/connect/protocol";

/** A handler with Connect's interceptors around it, as Connect's own servers call them; without any it is the handler itself. */
export const intercepted = (
  method: DescMethod,
  handler: MethodImpl<DescMethod>,
  interceptors: readonly Interceptor[],
): unknown => {
  if (interceptors.length === 0) return handler;
  const spec = createMethodImplSpec(method, handler);
  const list = [...interceptors];
  if (spec.kind === "unary") {
    return (request: never, context: HandlerContext) => invokeUnaryImplementation(spec, plain(context), request, list);
  }
  if (spec.kind === "server_streaming") {
    return (request: never, context: HandlerContext) =>
      transformInvokeImplementation(spec, plain(context), list)(createAsyncIterable([request]));
  }
  if (spec.kind === "bidi_streaming") {
    return (requests: AsyncIterable<never>, context: HandlerContext) =>
      transformInvokeImplementation(spec, plain(context), list)(requests);
  }
  return async (requests: AsyncIterable<never>, context: HandlerContext) => {
    for await (const reply of transformInvokeImplementation(spec, plain(context), list)(requests)) return reply;
    throw new Error("an interceptor has dropped the reply");
  };
};

/** Connect copies a context by its own properties, which those of a call are not. */
const plain = (context: HandlerContext): HandlerContext => ({
  method: context.method,
  service: context.service,
  signal: context.signal,
  requestMethod: context.requestMethod,
  requestHeader: context.requestHeader,
  responseHeader: context.responseHeader,
  responseTrailer: context.responseTrailer,
  protocolName: context.protocolName,
  values: context.values,
  url: context.url,
  timeoutMs: () => context.timeoutMs(),
});
