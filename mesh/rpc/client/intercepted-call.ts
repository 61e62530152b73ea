import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import {
  type ContextValues,
  createContextValues,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import type { Attempt } from "./attempt.ts";
import { type ClientMethod, CONTENT_TYPE, USER_AGENT } from "./client-method.ts";
import type { CallRequest, ClientWire } from "./client-wire.ts";
import { requestFields } from "./request-fields.ts";
import { callStreaming } from "./streaming-call.ts";
import { callUnary } from "./unary-call.ts";
import { type CallScope, overAlready, watchCall } from "./watch-call.ts";

export interface InterceptedCall {
  readonly wire: ClientWire;
  readonly compiled: ClientMethod;
  readonly interceptors: Interceptor[];
  /** The caller's and inherited fields, name and value in turn. */
  readonly extra: readonly string[];
  readonly attempt: Attempt | undefined;
  readonly scope: CallScope;
  readonly contextValues: ContextValues | undefined;
}

/** A unary call through Connect's interceptors, which see what Connect's own transports show them. */
export const callUnaryIntercepted = (
  call: InterceptedCall,
  message: MessageInitShape<DescMessage>,
): Promise<UnaryResponse> => {
  const { signal, release } = linkScope(call);
  const run = () =>
    runUnaryCall({
      interceptors: call.interceptors,
      signal,
      req: { ...requestOf(call), stream: false, method: call.compiled.method as DescMethodUnary, message },
      next: async (request: UnaryRequest) => {
        const response = await callUnary(call.wire, sentAs(call, request.header), request.message, scopeOf(request));
        const { stream, service, method, header, message, trailer } = response;
        return { stream, service, method, header, message, trailer };
      },
    });
  // An interceptor may throw before there is a promise.
  return Promise.try(run).finally(release);
};

/** The same for a streaming call. */
export const callStreamingIntercepted = (
  call: InterceptedCall,
  message: AsyncIterable<MessageInitShape<DescMessage>>,
): Promise<StreamResponse> => {
  const { signal, release } = linkScope(call);
  // Connect aborts this signal when the call fails or its response has come to the end, whoever has answered.
  const untilEnd: Interceptor = (next) => async (request) => {
    request.signal.addEventListener("abort", release, { once: true });
    return next(request);
  };
  return runStreamingCall({
    interceptors: [untilEnd, ...call.interceptors],
    signal,
    req: { ...requestOf(call), stream: true, method: call.compiled.method as DescMethodStreaming, message },
    next: async (request: StreamRequest) => {
      const response = await callStreaming(call.wire, sentAs(call, request.header), request.message, scopeOf(request));
      // As Connect has it: the response of a stream carries its request's properties too.
      return { ...request, ...response };
    },
  });
};

/** One signal for everything that may end the call, with time from the runtime rather than from Connect. */
const linkScope = ({ scope, wire }: InterceptedCall): { signal: AbortSignal; release: () => void } => {
  const controller = new AbortController();
  const over = overAlready(scope);
  if (over === undefined) {
    const release = watchCall(scope, wire.timers, (error) => controller.abort(error));
    return { signal: controller.signal, release };
  }
  controller.abort(over);
  return { signal: controller.signal, release: () => undefined };
};

const requestOf = ({ compiled, extra, contextValues }: InterceptedCall) => ({
  service: compiled.method.parent,
  requestMethod: "POST",
  url: compiled.url,
  header: headerOf(compiled, extra),
  contextValues: contextValues ?? createContextValues(),
});

const headerOf = (compiled: ClientMethod, extra: readonly string[]): Headers => {
  const header = new Headers({ "content-type": CONTENT_TYPE, "user-agent": USER_AGENT, te: "trailers" });
  for (const name of ["grpc-encoding", "grpc-accept-encoding"]) {
    const value = compiled.headers.get(name);
    if (value !== undefined) header.set(name, value);
  }
  let replaced = "";
  for (let index = 0; index < extra.length; index += 2) {
    const name = extra[index] as string;
    if (name === "user-agent" && replaced === "") {
      header.delete(name);
      replaced = name;
    }
    header.append(name, extra[index + 1] as string);
  }
  return header;
};

/** What the interceptors have left of the headers, but for those that make it a gRPC request. */
const sentAs = ({ compiled, attempt }: InterceptedCall, header: Headers): CallRequest => ({
  compiled,
  headers: compiled.bareHeaders,
  extra: requestFields(header).extra,
  attempt,
});

const scopeOf = ({ signal }: { signal: AbortSignal }): CallScope => ({
  timeoutMs: undefined,
  signal,
  outer: undefined,
});
