import type { ContextValues } from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { commonReasons } from "../contract/common-reasons.ts";
import { fail } from "../contract/fail.ts";
import type { Timers } from "../runtime/index.ts";
import { ErrorCode, HeaderList, type HttpStream } from "../wire/index.ts";
import { capTimeout } from "./cap-timeout.ts";
import { discardBody } from "./discard-body.ts";
import { HeldRequest } from "./held-requests.ts";
import { RequestBody } from "./request-body.ts";

export interface UniversalOptions {
  readonly timers: Timers;
  readonly values?: ContextValues;
  /**
   * Milliseconds until the request must be whole; otherwise it is answered with DEADLINE_EXCEEDED. Default: as long as it takes, which
   * is right for streams of requests alone.
   */
  readonly requestTimeoutMs?: number | undefined;
  /** Told what kept an answer from being given: a connection that broke, or a handler that threw. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Answers one exchange by one of Connect's handlers, in the protocol that the handler speaks. Resolves when the answer is given or
 * cannot be given any more; never rejects.
 */
export const serveUniversal = async (
  handler: (request: UniversalServerRequest) => Promise<UniversalServerResponse>,
  stream: HttpStream,
  headers: HeaderList,
  end: boolean,
  { timers, values, requestTimeoutMs, onError }: UniversalOptions,
): Promise<void> => {
  const broken = new AbortController();
  const body = new RequestBody(stream, end, (error) => broken.abort(error), {
    enveloped: isEnveloped(headers),
    held: end || requestTimeoutMs === undefined ? undefined : new HeldRequest(),
  });
  stream.handler = body;
  const timer =
    end || requestTimeoutMs === undefined
      ? undefined
      : timers.after(requestTimeoutMs, () => body.giveUp(fail(commonReasons("heddle.mesh").DEADLINE_EXCEEDED, {})));
  try {
    const response = await handler(universalRequest(stream, headers, { body, signal: broken.signal, values }));
    await sendResponse(stream, response, body);
    body.discard();
    if (!body.ended) discardBody(stream, timers);
  } catch (error) {
    if (!stream.closed) stream.reset(ErrorCode.INTERNAL_ERROR);
    onError?.(error);
  } finally {
    body.letGo();
    timer?.cancel();
  }
};

/** Messages in envelopes: gRPC, gRPC-Web and Connect's streams. */
const isEnveloped = (headers: HeaderList): boolean =>
  /^application\/(?:grpc(?!-web-text)|connect\+)/.test(headers.get("content-type") ?? "");

const universalRequest = (
  stream: HttpStream,
  list: HeaderList,
  { body, signal, values }: { body: RequestBody; signal: AbortSignal; values: ContextValues | undefined },
): UniversalServerRequest => {
  const { fields } = list;
  const header = new Headers();
  let method = "";
  let path = "/";
  let scheme = "http";
  let authority = "";
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    const value = fields[index + 1] as string;
    if (name === ":method") method = value;
    else if (name === ":path") path = value;
    else if (name === ":scheme") scheme = value;
    else if (name === ":authority") authority = value;
    else if (!name.startsWith(":")) header.append(name, value);
  }
  boundTimeouts(header);
  const url = `${scheme}://${authority}${path}`;
  return {
    httpVersion: stream.httpVersion ?? "2.0",
    method,
    // A peer may leave out what it is called by, or say what no URL has room for; only the path matters.
    url: URL.canParse(url) ? url : new URL(path, "http://heddle").href,
    header,
    body,
    signal,
    ...(values === undefined ? {} : { contextValues: values }),
  };
};

const boundTimeouts = (header: Headers): void => {
  for (const name of ["grpc-timeout", "connect-timeout-ms"]) {
    const asked = header.get(name);
    if (asked === null) continue;
    const capped: Record<string, string> = { [name]: asked };
    capTimeout(capped);
    if (capped[name] !== asked) header.set(name, String(capped[name]));
  }
};

/** Rejects when the stream breaks or the body throws. */
const sendResponse = async (stream: HttpStream, response: UniversalServerResponse, exchange: RequestBody) => {
  const { status, header, trailer } = response;
  const chunks = response.body?.[Symbol.asyncIterator]();
  try {
    // Headers follow the first piece of the body, for until then the method may set some.
    let chunk = await chunks?.next();
    const trailersMayFollow = trailer !== undefined;
    const isEmpty = chunk === undefined || chunk.done === true;
    const hasTrailers = trailer !== undefined && !isEmptyHeaders(trailer);
    stream.sendHeaders(listOf(header, status), undefined, isEmpty && !hasTrailers);
    const length = trailersMayFollow ? undefined : header?.get("content-length");
    let leftBytes = length === null || length === undefined ? Number.NaN : Number(length);
    while (chunk !== undefined && chunk.done !== true) {
      if (exchange.error !== undefined) throw exchange.error;
      leftBytes -= chunk.value.length;
      // A body that says how long it is needs no further frame to end.
      if (!stream.sendData(chunk.value, leftBytes === 0)) await exchange.drained();
      chunk = await chunks?.next();
    }
    if (trailer !== undefined && !isEmptyHeaders(trailer)) stream.sendTrailers(listOf(trailer), undefined);
    else if (!isEmpty && leftBytes !== 0) stream.sendData(EMPTY, true);
    if (exchange.error !== undefined) throw exchange.error;
  } catch (error) {
    // The method learns that nobody reads any more.
    chunks?.throw?.(error).catch(() => undefined);
    throw error;
  }
};

const EMPTY = new Uint8Array(0);

const isEmptyHeaders = (headers: Headers): boolean => headers.keys().next().done === true;

const listOf = (headers: Headers | undefined, status?: number): HeaderList => {
  const fields = status === undefined ? [] : [":status", String(status)];
  if (headers !== undefined) for (const [name, value] of headers) fields.push(name, value);
  return new HeaderList(fields);
};
