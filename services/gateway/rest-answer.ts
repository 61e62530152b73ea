import {
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { describeDecodeError, fail } from "@heddle/mesh/contract";
import {
  type Binding,
  givesRawBody,
  type RequestPath,
  rawBodyOf,
  rawRequest,
  readRequest,
  replyJson,
  STREAM_UNSUPPORTED,
  takesRawBody,
} from "@heddle/mesh/rest";
import type { Ids, Timers } from "@heddle/mesh/runtime";
import type { HeaderList } from "@heddle/mesh/wire";
import type { RequestSampler } from "./edge.ts";
import { ANSWER_UNREADABLE } from "./errors.ts";
import { piecesOf, readBody, refuseCompressed } from "./rest-body.ts";
import { jsonResponse, replyFields, wholeResponse } from "./rest-response.ts";
import { streamResponse } from "./rest-stream.ts";

/** One REST call whose way is known, and which the edge has let pass. */
export interface RestCall {
  readonly binding: Binding;
  readonly transport: Transport;
  readonly path: RequestPath;
  readonly query: string;
  readonly headers: HeaderList;
  /** What the request is shown to. */
  readonly sampler: RequestSampler | undefined;
  readonly timers: Timers;
  readonly ids: Ids;
}

/** Makes the call that a request asks for. Rejects with what keeps it from being answered. */
export const answerRest = async (call: RestCall, request: UniversalServerRequest): Promise<UniversalServerResponse> => {
  const { method } = call.binding;
  if (isUnary(method)) return answerOne(call, method, request);
  if (!isStreaming(method)) throw new TypeError(`${method.methodKind} is no kind of method`);
  const isUpload = method.methodKind !== "server_streaming";
  if (isUpload && !takesRawBody(call.binding)) {
    throw fail(STREAM_UNSUPPORTED, { method: `${method.parent.typeName}/${method.name}` });
  }
  const input = isUpload ? upload(call, request) : once(await messageOf(call, request));
  if (isUpload) refuseCompressed(call.headers);
  const open = () => call.transport.stream(method, request.signal, timeoutOf(call), undefined, input);
  if (method.methodKind === "client_streaming") return answerLast(call, method, await open());
  return streamResponse({ ...call, signal: request.signal }, method, open);
};

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
  reply: Awaited<ReturnType<Transport["stream"]>>,
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
  return wholeResponse(200, { contentType, data, fields }, headers);
};

/** The JSON of a reply; one that has none, such as an Any of a type that nobody knows, is an error of the service. */
export const jsonOf = (binding: Binding, message: Message): ReturnType<typeof replyJson> => {
  try {
    return replyJson(binding, message);
  } catch (error) {
    throw unreadable(binding.method, error instanceof Error ? error.message : String(error));
  }
};

const unreadable = (method: Binding["method"], problem: string): ConnectError =>
  fail(ANSWER_UNREADABLE, { service: method.parent.typeName, problem });

const messageOf = async (
  { binding, path, query, headers, sampler }: RestCall,
  request: UniversalServerRequest,
): Promise<Message> => {
  const data = await readBody(request, headers);
  const message = readRequest(binding, { path, query, body: { data, contentType: headers.get("content-type") } });
  sampler?.look(toBinary(binding.method.input, message));
  return message;
};

/** A raw body as messages: the first one has what path and query say. */
const upload = async function* (
  { binding, path, query, headers }: RestCall,
  request: UniversalServerRequest,
): AsyncGenerator<Message> {
  const contentType = headers.get("content-type");
  let isFirst = true;
  for await (const data of piecesOf(request)) {
    yield isFirst ? readRequest(binding, { path, query, body: { data, contentType } }) : rawRequest(binding, data);
    isFirst = false;
  }
  if (isFirst) yield readRequest(binding, { path, query, body: { data: new Uint8Array(0), contentType } });
};

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
