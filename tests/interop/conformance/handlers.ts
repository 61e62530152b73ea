import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { systemTimers } from "../../../mesh/runtime/index.ts";
import {
  type ConformanceError,
  type ConformancePayload,
  ConformanceService,
  type Header,
  type RequestInfo,
  RequestInfoSchema,
  type StreamResponseDefinition,
  type UnaryResponseDefinition,
} from "./contract.ts";

type Init<T> = T extends Uint8Array | bigint
  ? T
  : T extends (infer E)[]
    ? Init<E>[]
    : T extends object
      ? { [K in keyof Omit<T, "$typeName" | "$unknown">]?: Init<T[K]> }
      : T;

/** The service of the suite: it answers as each request asks it to, and says what it has received. */
export const conformanceHandlers: Partial<ServiceImpl<typeof ConformanceService>> = {
  unary: (request, context) => answerOne(request.responseDefinition, [packed("unary", request)], context),
  idempotentUnary: (request, context) =>
    answerOne(request.responseDefinition, [packed("idempotentUnary", request)], context),
  async clientStream(requests, context) {
    let definition: UnaryResponseDefinition | undefined;
    const received: Any[] = [];
    for await (const request of requests) {
      if (received.length === 0) definition = request.responseDefinition;
      received.push(packed("clientStream", request));
    }
    return answerOne(definition, received, context);
  },
  async *serverStream(request, context) {
    yield* answerMany(request.responseDefinition, [packed("serverStream", request)], context);
  },
  async *bidiStream(requests, context) {
    let definition: StreamResponseDefinition | undefined;
    let received: Any[] = [];
    let first = true;
    let fullDuplex = false;
    let sent = 0;
    for await (const request of requests) {
      received.push(packed("bidiStream", request));
      if (first) {
        first = false;
        ({ responseDefinition: definition, fullDuplex } = request);
      }
      if (!fullDuplex) continue;
      const data = definition?.responseData[sent];
      if (data === undefined) break;
      if (sent === 0) addMetadata(definition, context);
      await systemTimers.sleep(definition?.responseDelayMs ?? 0);
      yield { payload: { data, requestInfo: sent === 0 ? infoOf(received, context) : { requests: received } } };
      sent += 1;
      received = [];
    }
    yield* answerMany(definition, received, context, sent);
  },
};

type Reply = { payload: Init<ConformancePayload> };

const answerOne = async (
  definition: UnaryResponseDefinition | undefined,
  requests: Any[],
  context: HandlerContext,
): Promise<Reply> => {
  const requestInfo = infoOf(requests, context);
  if (definition === undefined) return { payload: { requestInfo } };
  addMetadata(definition, context);
  await systemTimers.sleep(definition.responseDelayMs);
  const { response } = definition;
  if (response.case === "error") throw errorOf(response.value, requestInfo);
  return { payload: { data: response.value ?? new Uint8Array(), requestInfo } };
};

/** Sends what is left after the first `sent` replies, and the error that may close them. */
async function* answerMany(
  definition: StreamResponseDefinition | undefined,
  requests: Any[],
  context: HandlerContext,
  sent = 0,
): AsyncGenerator<Reply> {
  if (definition === undefined) return;
  if (sent === 0) addMetadata(definition, context);
  const requestInfo = infoOf(requests, context);
  for (const [index, data] of definition.responseData.slice(sent).entries()) {
    await systemTimers.sleep(definition.responseDelayMs);
    yield { payload: sent === 0 && index === 0 ? { data, requestInfo } : { data } };
  }
  if (definition.error !== undefined) {
    throw errorOf(definition.error, definition.responseData.length === 0 ? requestInfo : undefined);
  }
}

const packed = (method: keyof typeof ConformanceService.method, request: Message): Any =>
  anyPack(ConformanceService.method[method].input as DescMessage, request);

const infoOf = (requests: Any[], context: HandlerContext): Init<RequestInfo> => {
  const timeoutMs = context.timeoutMs();
  const queryParams = [...new URL(context.url).searchParams].map(([name, value]) => ({ name, value: [value] }));
  return {
    requestHeaders: headersFrom(context.requestHeader),
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.round(timeoutMs)) }),
    requests,
    ...(context.requestMethod === "GET" ? { connectGetInfo: { queryParams } } : {}),
  };
};

const addMetadata = (
  definition: { responseHeaders: Header[]; responseTrailers: Header[] } | undefined,
  context: HandlerContext,
): void => {
  for (const { name, value } of definition?.responseHeaders ?? []) {
    for (const each of value) context.responseHeader.append(name, each);
  }
  for (const { name, value } of definition?.responseTrailers ?? []) {
    for (const each of value) context.responseTrailer.append(name, each);
  }
};

const errorOf = ({ message, code, details }: ConformanceError, requestInfo: Init<RequestInfo> | undefined) => {
  const error = new ConnectError(message ?? "", code);
  error.details = details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  if (requestInfo !== undefined) {
    error.details.push({ desc: RequestInfoSchema, value: create(RequestInfoSchema, requestInfo as never) as never });
  }
  return error;
};

/** Headers as the suite has them. */
export const headersFrom = (headers: Headers): { name: string; value: string[] }[] =>
  [...headers].map(([name, value]) => ({ name, value: [value] }));
