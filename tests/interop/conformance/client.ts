// A client under test of connectconformance: reads calls to make from stdin, and writes to stdout what became of each.
import type { DescMethod } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type CallOptions, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import { systemTimers } from "../../../mesh/runtime/index.ts";
import { bareTransport } from "../bare-transport.ts";
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  ClientCompatResponseSchema,
  type ConformancePayload,
  ConformanceService,
  registry,
} from "./contract.ts";
import { framed, readFramed } from "./framed.ts";
import { headersFrom } from "./handlers.ts";

/** What became of a call, for the suite. */
interface Result {
  responseHeaders: { name: string; value: string[] }[];
  responseTrailers: { name: string; value: string[] }[];
  payloads: Partial<ConformancePayload>[];
  error?: { code: number; message: string; details: { typeUrl: string; value: Uint8Array }[] };
}

type Reply = { payload?: ConformancePayload };

const GZIP = 2;
const FULL_DUPLEX = 5;

/** Calls to one server share a transport, and so its connections. */
const transports = new Map<string, Transport>();

const transportFor = (asked: ClientCompatRequest): Transport => {
  const { host, port, compression, messageReceiveLimit, serverTlsCert, clientTlsCreds } = asked;
  const key = `${host}:${port} ${compression} ${messageReceiveLimit} ${clientTlsCreds !== undefined}`;
  let transport = transports.get(key);
  if (transport === undefined) {
    const tls = serverTlsCert.length > 0 ? { ca: serverTlsCert, ...clientTlsCreds } : undefined;
    transport = bareTransport({
      baseUrl: `${tls === undefined ? "http" : "https"}://${host}:${port}`,
      messageBytesMax: messageReceiveLimit || undefined,
      gzip: compression === GZIP,
      tls,
    });
    transports.set(key, transport);
  }
  return transport;
};

const call = async (asked: ClientCompatRequest): Promise<Result> => {
  const method = ConformanceService.methods.find(({ name }) => name === asked.method);
  if (method === undefined) throw new Error(`no method ${asked.method}`);
  const result: Result = { responseHeaders: [], responseTrailers: [], payloads: [] };
  try {
    await run(asked, method, result);
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const details = error.details.flatMap((detail) =>
      "desc" in detail ? [] : [{ typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value }],
    );
    result.error = { code: error.code, message: error.rawMessage, details };
    // An error holds both in one: where nothing else came, both are what the server sent.
    if (result.responseHeaders.length === 0) result.responseHeaders = headersFrom(error.metadata);
    if (result.responseTrailers.length === 0) result.responseTrailers = headersFrom(error.metadata);
  }
  return result;
};

const run = async (asked: ClientCompatRequest, method: DescMethod, result: Result): Promise<void> => {
  const cancel = new AbortController();
  const timing = asked.cancel?.cancelTiming;
  const options: CallOptions = {
    headers: headersOf(asked),
    signal: cancel.signal,
    ...(asked.timeoutMs === undefined ? {} : { timeoutMs: asked.timeoutMs }),
    onHeader(headers) {
      result.responseHeaders = headersFrom(headers);
    },
    onTrailer(trailers) {
      result.responseTrailers = headersFrom(trailers);
    },
  };
  const client = createClient(ConformanceService, transportFor(asked)) as unknown as AnyClient;
  const invoke = client[method.localName] as AnyClient[string];
  const messages = messagesOf(asked, method);
  const cancelLater = async () => {
    if (timing?.case !== "afterCloseSendMs") return;
    await systemTimers.sleep(timing.value);
    cancel.abort();
  };
  const receive = async (replies: AsyncIterator<Reply>): Promise<boolean> => {
    const next = await replies.next();
    if (next.done === true) return false;
    keep(next.value, result);
    if (timing?.case === "afterNumResponses" && result.payloads.length === timing.value) cancel.abort();
    return true;
  };
  if (method.methodKind === "unary" || method.methodKind === "server_streaming") {
    const replies = invoke(messages[0] ?? {}, options);
    void cancelLater();
    if (!(Symbol.asyncIterator in replies)) keep(await replies, result);
    else for (const each = replies[Symbol.asyncIterator](); await receive(each); );
    return;
  }
  const requests = createWritableIterable<object>();
  const replies = invoke(requests, options);
  const each = Symbol.asyncIterator in replies ? replies[Symbol.asyncIterator]() : undefined;
  const one = each === undefined ? (replies as Promise<Reply>) : undefined;
  // Looked at when it is awaited.
  one?.catch(() => undefined);
  for (const message of messages) {
    await systemTimers.sleep(asked.requestDelayMs);
    // Not awaited: a call that has ended reads no more.
    requests.write(message).catch(() => undefined);
    if (asked.streamType === FULL_DUPLEX && each !== undefined && !(await receive(each))) break;
  }
  if (timing?.case === "beforeCloseSend") cancel.abort();
  else requests.close();
  await cancelLater();
  if (one !== undefined) keep(await one, result);
  else while (each !== undefined && (await receive(each)));
};

/** A client of which only the method's name is known. */
type AnyClient = Record<string, (request: object, options: CallOptions) => Promise<Reply> | AsyncIterable<Reply>>;

/** An empty reply counts as well. */
const keep = ({ payload }: Reply, { payloads }: Result): void => void payloads.push(payload ?? {});

const headersOf = ({ requestHeaders }: ClientCompatRequest): Headers => {
  const headers = new Headers();
  for (const { name, value } of requestHeaders) for (const each of value) headers.append(name, each);
  return headers;
};

const messagesOf = ({ requestMessages }: ClientCompatRequest, method: DescMethod): object[] =>
  requestMessages.map((any) => {
    const message = anyUnpack(any, registry);
    if (message === undefined || message.$typeName !== method.input.typeName)
      throw new Error(`${any.typeUrl} is no ${method.input.typeName}`);
    return message;
  });

for await (const asked of readFramed(process.stdin, ClientCompatRequestSchema)) {
  const answer = (result: object) =>
    process.stdout.write(framed(ClientCompatResponseSchema, { testName: asked.testName, result } as never));
  void call(asked).then(
    (value) => answer({ case: "response", value }),
    (error: unknown) => answer({ case: "error", value: { message: String(error) } }),
  );
}
