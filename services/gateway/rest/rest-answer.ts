import type { DescMethod, DescMethodStreaming, DescMethodUnary, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { describeDecodeError, fail, methodName } from "@heddle/mesh/contract";
import {
  type Binding,
  givesRawBody,
  type RequestPath,
  rawBodyOf,
  rawRequest,
  readRequest,
  STREAM_UNSUPPORTED,
  takesRawBody,
} from "@heddle/mesh/rest";
import type { Timers } from "@heddle/mesh/runtime";
import type { HeaderList } from "@heddle/mesh/wire";
import { piecesOf, readBody, refuseCompressed } from "./rest-body.ts";
import { AS_SAID, jsonOf, jsonResponse, replyFields, unreadable, wholeResponse } from "./rest-response.ts";
import { type StreamReply, streamResponse } from "./rest-stream.ts";

/** One REST call whose way is known, and which the edge has let pass. */
export interface RestCall {
  readonly binding: Binding;
  readonly transport: Transport;
  readonly path: RequestPath;
  readonly query: string;
  readonly headers: HeaderList;
  readonly timers: Timers;
  /** What the caller is told of something that was thrown. */
  readonly explain: (thrown: unknown) => ConnectError;
}

/** Makes the call that a request asks for. Rejects with what keeps it from being answered. */
export const answerRest = async (call: RestCall, request: UniversalServerRequest): Promise<UniversalServerResponse> => {
  const { method } = call.binding;
  if (isUnary(method)) return answerOne(call, method, request);
  if (!isStreaming(method)) throw new TypeError(`${method.methodKind} is no kind of method`);
  if (method.methodKind === "server_streaming") {
    const message = await messageOf(call, request);
    return streamResponse(call, method, (signal) => stream(call, method, once(message), signal), request.signal);
  }
  if (!takesRawBody(call.binding)) {
    throw fail(STREAM_UNSUPPORTED, { method: methodName(method) });
  }
  const input = await upload(call, request);
  if (method.methodKind === "client_streaming") {
    return answerLast(call, method, await stream(call, method, input, request.signal));
  }
  return streamResponse(call, method, (signal) => stream(call, method, input, signal), request.signal);
};

const stream = (
  call: RestCall,
  method: DescMethodStreaming,
  input: AsyncIterable<Message>,
  signal: AbortSignal,
): Promise<StreamReply> => call.transport.stream(method, signal, timeoutOf(call), undefined, input);

const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary";
const isStreaming = (method: DescMethod): method is DescMethodStreaming => method.methodKind !== "unary";

const answerOne = async (
  call: RestCall,
  method: DescMethodUnary,
  request: UniversalServerRequest,
): Promise<UniversalServerResponse> => {
  const input = await messageOf(call, request);
  const reply = await call.transport.unary(method, request.signal, timeoutOf(call), undefined, input);
  return replyResponse(call, reply.message, replyFields(reply.header, reply.trailer));
};

/** The one answer to a stream of requests. */
const answerLast = async (
  call: RestCall,
  method: DescMethodStreaming,
  reply: StreamReply,
): Promise<UniversalServerResponse> => {
  let last: Message | undefined;
  for await (const message of reply.message) last = message;
  if (last === undefined) throw unreadable(method, "it has no message");
  return replyResponse(call, last, replyFields(reply.header, reply.trailer));
};

const replyResponse = (
  { binding, headers }: RestCall,
  message: Message,
  fields: readonly string[],
): Promise<UniversalServerResponse> => {
  if (!givesRawBody(binding)) return jsonResponse(200, { json: jsonOf(binding, message), fields }, headers);
  const { contentType, data } = rawBodyOf(binding.method, message, binding.responseBody);
  return wholeResponse(200, { contentType, data, fields: [...fields, ...AS_SAID] }, headers);
};

const messageOf = async (
  { binding, path, query, headers }: RestCall,
  request: UniversalServerRequest,
): Promise<Message> => {
  const data = await readBody(request, headers);
  return readRequest(binding, { path, query, body: { data, contentType: headers.get("content-type") } });
};

/** A raw body as messages: the first one has what path and query say, and is read before the call is made. */
const upload = async (
  { binding, path, query, headers }: RestCall,
  request: UniversalServerRequest,
): Promise<AsyncIterable<Message>> => {
  refuseCompressed(headers);
  const pieces = piecesOf(request)[Symbol.asyncIterator]();
  const start = await pieces.next();
  const data = start.done === true ? EMPTY : start.value;
  const first = readRequest(binding, { path, query, body: { data, contentType: headers.get("content-type") } });
  return (async function* () {
    yield first;
    for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next()) {
      yield rawRequest(binding, piece.value);
    }
  })();
};

const EMPTY = new Uint8Array(0);

const once = async function* (message: Message): AsyncGenerator<Message> {
  yield message;
};

/** Milliseconds that the caller gives the call: as with every other protocol, by `grpc-timeout` or `connect-timeout-ms`. */
const timeoutOf = ({ binding, headers }: RestCall): number | undefined => {
  const grpc = headers.get("grpc-timeout");
  const { timeoutMs, error } =
    grpc === undefined
      ? parseConnectTimeout(headers.get("connect-timeout-ms") ?? null, Number.MAX_SAFE_INTEGER)
      : parseGrpcTimeout(grpc, Number.MAX_SAFE_INTEGER);
  if (error !== undefined) throw describeDecodeError(ConnectError.from(error, Code.InvalidArgument), binding.method);
  return timeoutMs;
};
