import type { DescMessage, DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import type { ContextValues, Interceptor, StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";
import type { Clock, Timers } from "../../runtime/index.ts";
import { formatGrpcTimeout } from "../grpc-status.ts";
import { DEFAULT_RPC_LIMITS } from "../limits.ts";
import { type Attempt, attemptKey } from "./attempt.ts";
import { type ClientMethod, clientMethod } from "./client-method.ts";
import type { CallRequest, ClientWire } from "./client-wire.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import { callStreamingIntercepted, callUnaryIntercepted, type InterceptedCall } from "./intercepted-call.ts";
import { type HeaderInit, hasField, requestFields, withoutReplaced } from "./request-fields.ts";
import { callStreaming } from "./streaming-call.ts";
import { callUnary } from "./unary-call.ts";
import type { CallScope, OuterCall } from "./watch-call.ts";

/** How calls are made, whatever carries them. */
export interface CallOptions {
  /** Connect's; the last one is the nearest to the wire. They cost nothing when there are none. */
  readonly interceptors?: readonly Interceptor[];
  /** Bytes of a message that is received, as sent and inflated. Default: 4 MiB. */
  readonly readMaxBytes?: number;
  /** Bytes of a message that is sent, before compression. Default: 4 MiB. */
  readonly writeMaxBytes?: number;
  /** Milliseconds that a call may take which sets no timeout itself. Default: no limit. */
  readonly defaultTimeoutMs?: number | undefined;
  /** Default: messages are sent as they are. */
  readonly sendCompression?: "gzip" | undefined;
  /** Bytes from which compressing is worth its time. Default: 1 KiB. */
  readonly compressMinBytes?: number;
  /** Whether servers may answer with gzip. Default: true. */
  readonly acceptGzip?: boolean;
  /** The program that calls and its version, as `order/1.2.0`: what its calls are counted by. Default: nothing is said of it. */
  readonly consumer?: string | undefined;
  /** What a call takes over from the one that it is made for; asked once per call. */
  readonly inherit?: () => Inherited | undefined;
}

/** What a call takes over from the one that it is made for. */
export interface Inherited {
  /** Fields, name and value in turn, where the caller sets none of that name. */
  readonly fields: readonly string[];
  /** Fields that the caller cannot replace. */
  readonly fixedFields: readonly string[];
  /** Milliseconds that are left, more than 0; a call may shorten but not lengthen them. */
  readonly timeoutMs: number | undefined;
  /** The call itself, with which the new one ends. */
  readonly outer: OuterCall | undefined;
}

/** What all calls of a transport say of where they go. */
export interface Target {
  readonly scheme: string;
  readonly authority: string;
  /** Stands before `/package.Service/Method`; empty or `/path`. */
  readonly basePath: string;
}

/** A transport that can be put away. */
export interface HeddleTransport extends Transport {
  /** Lets the calls that run end, and fails later ones with UNAVAILABLE. */
  close(): void;
  /** Cuts the calls that run. */
  destroy(): void;
}

/** gRPC with protobuf over the sessions of a pool. */
export const transportOn = (
  pool: ConnectionPool,
  target: Target,
  { clock, timers }: { clock: Clock; timers: Timers },
  options: CallOptions,
): HeddleTransport => {
  const { interceptors = [], defaultTimeoutMs, inherit, acceptGzip = true } = options;
  const { writeMaxBytes = DEFAULT_RPC_LIMITS.messageBytesMax, compressMinBytes = 1024 } = options;
  const sendGzip = options.sendCompression === "gzip";
  const wire: ClientWire = {
    pool,
    clock,
    timers,
    readMaxBytes: options.readMaxBytes ?? DEFAULT_RPC_LIMITS.messageBytesMax,
    acceptGzip,
    compressMinBytes: sendGzip ? compressMinBytes : Number.POSITIVE_INFINITY,
  };
  const methodOptions = { ...target, writeMaxBytes, acceptGzip, sendGzip, consumer: options.consumer };
  const methods = new WeakMap<DescMethod, ClientMethod>();
  const compiledOf = (method: DescMethod): ClientMethod => {
    const known = methods.get(method);
    if (known !== undefined) return known;
    const compiled = clientMethod(method, methodOptions);
    methods.set(method, compiled);
    return compiled;
  };
  const prepare = (
    method: DescMethod,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInit,
    attempt: Attempt | undefined,
  ): { request: CallRequest; scope: CallScope } => {
    const compiled = compiledOf(method);
    const inherited = inherit?.();
    const ownMs = timeoutMs === undefined ? defaultTimeoutMs : timeoutMs > 0 ? timeoutMs : undefined;
    const leftMs = shorter(ownMs, inherited?.timeoutMs);
    let extra: string[] | undefined;
    let { headers } = compiled;
    if (header !== undefined) {
      const own = requestFields(header);
      extra = own.extra;
      if (own.ownUserAgent) headers = compiled.bareHeaders;
    }
    if (inherited !== undefined) extra = merge(inherited, extra);
    if (leftMs !== undefined) {
      extra = extra === undefined || !hasField(extra, "grpc-timeout") ? (extra ?? []) : withoutReplaced(extra, TIMEOUT);
      extra.push("grpc-timeout", formatGrpcTimeout(leftMs));
    }
    return {
      request: { compiled, headers, extra, attempt, isDirect: interceptors.length === 0 },
      scope: { timeoutMs: leftMs, signal, outer: inherited?.outer },
    };
  };
  const intercepted = (
    { request, scope }: { request: CallRequest; scope: CallScope },
    contextValues: ContextValues | undefined,
  ): InterceptedCall => ({
    wire,
    compiled: request.compiled,
    interceptors: [...interceptors],
    extra: request.extra ?? [],
    attempt: request.attempt,
    scope,
    contextValues,
  });

  // Not async functions: the promise of the call itself is the one that the caller waits for.
  const unary = (
    method: DescMethod,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInit,
    message: MessageInitShape<DescMessage>,
    contextValues?: ContextValues,
  ): Promise<UnaryResponse> => {
    try {
      const call = prepare(method, signal, timeoutMs, header, contextValues?.get(attemptKey));
      return interceptors.length === 0
        ? callUnary(wire, call.request, message, call.scope)
        : callUnaryIntercepted(intercepted(call, contextValues), message);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  const stream = (
    method: DescMethod,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInit,
    input: AsyncIterable<MessageInitShape<DescMessage>>,
    contextValues?: ContextValues,
  ): Promise<StreamResponse> => {
    try {
      const call = prepare(method, signal, timeoutMs, header, contextValues?.get(attemptKey));
      return interceptors.length === 0
        ? callStreaming(wire, call.request, input, call.scope)
        : callStreamingIntercepted(intercepted(call, contextValues), input);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return {
    // Method and messages belong together by their descriptor, which the compiler does not see through here.
    unary: unary as Transport["unary"],
    stream: stream as Transport["stream"],
    close: () => pool.close(),
    destroy: () => pool.destroy(),
  };
};

const TIMEOUT: readonly string[] = ["grpc-timeout", ""];

const shorter = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);

/** The caller's fields go before the inherited ones, and the fixed ones before both. */
const merge = ({ fields, fixedFields }: Inherited, own: string[] | undefined): string[] => {
  if (own === undefined) return [...fields, ...fixedFields];
  const kept = withoutReplaced(own, fixedFields);
  return [...withoutReplaced(fields, own), ...kept, ...fixedFields];
};
