import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { Code, ConnectError as ConnectErrorClass, createContextValues } from "@connectrpc/connect";
import {
  createAsyncIterable,
  encodeEnvelope,
  type UniversalHandler,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { describeDecodeError } from "../contract/complete-malformed.ts";
import { fail, reasons } from "../contract/fail.ts";
import { type Answer, answerKey } from "./answer.ts";
import { wrapHandler } from "./wrap-handler.ts";

/**
 * Gives the errors that Connect raises before any code of ours runs (a body that is no message, a frame that ends early, a
 * message over the limit), or after it (a reply that cannot be encoded, or is over the limit), the same details that all
 * other errors carry. Our own errors have theirs and pass unchanged.
 */
export const completeErrors = (
  handler: UniversalHandler,
  onError: (error: ConnectError, method: DescMethod) => void,
): UniversalHandler => {
  const { method } = handler;
  const completer =
    (answer: Answer): Complete =>
    (error) => {
      if (error.details.length > 0) return undefined;
      // The method had read the request: whatever is wrong now is not the caller's fault.
      if (answer.unsent !== undefined) return answer.unsent(error);
      const completed = describeDecodeError(error, method);
      onError(completed, method);
      return completed;
    };
  const handle = async (request: Parameters<UniversalHandler>[0]): Promise<UniversalServerResponse> => {
    const answer: Answer = { unsent: undefined };
    const complete = completer(answer);
    const contextValues = (request.contextValues ?? createContextValues()).set(answerKey, answer);
    const response = await handler({ ...request, contextValues });
    const contentType = response.header?.get("content-type") ?? "";
    if (contentType.startsWith("application/grpc-web")) {
      return {
        ...response,
        body: completeLast(response.body, trailerFlag, (data) => completeWebTrailer(data, complete)),
      };
    }
    if (contentType.startsWith("application/grpc")) return completeTrailer(response, complete);
    if (contentType.startsWith("application/connect+")) {
      return {
        ...response,
        body: completeLast(response.body, endStreamFlag, (data) => completeEndStream(data, complete)),
      };
    }
    if (response.status === 200) return response;
    return response.body === undefined
      ? explainRefusal(response, handler, request.method)
      : completeUnary(response, complete);
  };
  return wrapHandler(handler, handle);
};

const refusals = reasons("heddle.mesh");
const MEDIA_TYPE_UNSUPPORTED = refusals(
  "MEDIA_TYPE_UNSUPPORTED",
  Code.InvalidArgument,
  "{method} takes content-type application/json, application/proto, application/grpc, application/grpc-web and, for streams, application/connect+json.",
);
const QUERY_INCOMPLETE = refusals(
  "QUERY_INCOMPLETE",
  Code.InvalidArgument,
  "{method} takes its message from the query of a GET, as ?connect=v1&encoding=json&message=%7B%7D.",
);
const VERB_NOT_ALLOWED = refusals("VERB_NOT_ALLOWED", Code.InvalidArgument, "{method} takes {allowed}.");

/** Says in words what Connect says by a bare status: a wrong verb or content type is the first thing that curl gets wrong. */
const explainRefusal = (
  response: UniversalServerResponse,
  handler: UniversalHandler,
  verb: string,
): UniversalServerResponse => {
  const method = `${handler.service.typeName}/${handler.method.name}`;
  const error =
    response.status === 415
      ? fail(verb === "GET" ? QUERY_INCOMPLETE : MEDIA_TYPE_UNSUPPORTED, { method })
      : response.status === 405
        ? fail(VERB_NOT_ALLOWED, { method, allowed: handler.allowedMethods.join(" and ") })
        : undefined;
  if (error === undefined) return response;
  const bytes = errorToJsonBytes(error, undefined);
  const header = new Headers(response.header);
  header.set("content-type", "application/json");
  header.set("content-length", String(bytes.byteLength));
  // RFC 9110, 15.5.6.
  if (response.status === 405) header.set("allow", handler.allowedMethods.join(", "));
  return { ...response, header, body: createAsyncIterable([bytes]) };
};

type Complete = (error: ConnectError) => ConnectError | undefined;

const completeTrailer = (response: UniversalServerResponse, complete: Complete): UniversalServerResponse => {
  const { body, trailer } = response;
  if (body === undefined || trailer === undefined) return response;
  return {
    ...response,
    body: (async function* () {
      yield* body;
      const error = findTrailerError(trailer);
      const completed = error && complete(error);
      if (completed) setTrailerStatus(trailer, completed);
    })(),
  };
};

const completeUnary = async (
  response: UniversalServerResponse,
  complete: Complete,
): Promise<UniversalServerResponse> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body ?? createAsyncIterable<Uint8Array>([])) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  // An error with details may be long enough to have been compressed, and is complete.
  if (body.length === 0 || response.header?.has("content-encoding")) {
    return { ...response, body: createAsyncIterable<Uint8Array>([body]) };
  }
  const fallback = new ConnectErrorClass("", Code.Unknown);
  const completed = complete(errorFromJsonBytes(body, undefined, fallback));
  if (completed === undefined) return { ...response, body: createAsyncIterable<Uint8Array>([body]) };
  const bytes = errorToJsonBytes(completed, undefined);
  const header = new Headers(response.header);
  header.set("content-length", String(bytes.byteLength));
  return { ...response, status: codeToHttpStatus(completed.code), header, body: createAsyncIterable([bytes]) };
};

const completeWebTrailer = (data: Uint8Array, complete: Complete): Uint8Array => {
  const trailer = trailerParse(data);
  const error = findTrailerError(trailer);
  const completed = error && complete(error);
  return completed ? trailerSerialize(setTrailerStatus(trailer, completed)) : data;
};

const completeEndStream = (data: Uint8Array, complete: Complete): Uint8Array => {
  const end = endStreamFromJson(data);
  const completed = end.error && complete(end.error);
  if (!completed) return data;
  return Buffer.from(JSON.stringify(endStreamToJson(end.metadata, completed, undefined)));
};

const ENVELOPE_BYTES = 5;

/** Rewrites the envelope that carries `flag`; Connect yields each envelope in a chunk of its own. */
const completeLast = (
  body: AsyncIterable<Uint8Array> | undefined,
  flag: number,
  rewrite: (data: Uint8Array) => Uint8Array,
): AsyncIterable<Uint8Array> | undefined =>
  body &&
  (async function* () {
    for await (const chunk of body) {
      // An end that is compressed carries details, and is complete.
      if (chunk[0] !== flag) {
        yield chunk;
        continue;
      }
      yield encodeEnvelope(flag, rewrite(chunk.subarray(ENVELOPE_BYTES)));
    }
  })();
