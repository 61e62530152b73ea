import type { ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { httpErrorFields } from "../contract/http-error-fields.ts";
import { unknownMethod } from "../contract/unknown-method.ts";
import type { Timers } from "../runtime/index.ts";
import { HeaderList, type HttpStream } from "../wire/index.ts";
import { discardBody } from "./discard-body.ts";
import { statusFields } from "./grpc-status.ts";
import { pathOf } from "./request-path.ts";

/**
 * Answers a request with an error in the protocol that it speaks: gRPC as trailers only, gRPC-Web likewise, Connect as JSON
 * or as an end-of-stream message, and plain JSON with an HTTP status for everything else. What the peer still sends is dropped,
 * and a peer that goes on is soon stopped.
 */
export const respondError = (stream: HttpStream, headers: HeaderList, error: ConnectError, timers: Timers): void => {
  const contentType = headers.get("content-type") ?? "";
  const known = kept.get(error)?.get(contentType);
  if (known !== undefined) {
    stream.sendHeaders(known, undefined, true);
  } else if (contentType.startsWith("application/grpc")) {
    respond(stream, [":status", "200", "content-type", contentType, ...statusFields(error)]);
  } else if (contentType.startsWith("application/connect+")) {
    respond(stream, [":status", "200", "content-type", contentType], endStreamMessage(error));
  } else {
    const status = String(codeToHttpStatus(error.code));
    const body = errorToJsonBytes(error, undefined);
    respond(stream, [":status", status, "content-type", "application/json", ...httpErrorFields(error)], body);
  }
  discardBody(stream, timers);
};

const kept = new WeakMap<ConnectError, ReadonlyMap<string, HeaderList>>();

/** Makes an error's answer by gRPC once, for one that is given many times; returns the error, which must not change from here on. */
export const keepAnswer = (error: ConnectError): ConnectError => {
  const fields = statusFields(error);
  const answers = ["application/grpc", "application/grpc+proto"].map(
    (type) => [type, new HeaderList([":status", "200", "content-type", type, ...fields])] as const,
  );
  kept.set(error, new Map(answers));
  return error;
};

/** Answers UNIMPLEMENTED, with the known method whose name is nearest. `known` are paths such as `/order.v1.OrderService/GetOrder`. */
export const respondUnknownMethod = (
  stream: HttpStream,
  headers: HeaderList,
  known: Iterable<string>,
  timers: Timers,
): void => {
  const method = pathOf(headers.get(":path") ?? "/").slice(1, METHOD_CHARS_MAX) || "/";
  const names = Array.from(known, (path) => path.slice(1));
  respondError(stream, headers, unknownMethod(method, names, "heddle.mesh"), timers);
};

/**
 * Ends a response that has begun with an error, where its protocol has a place for one: gRPC in trailers, gRPC-Web and Connect
 * streams in a last envelope. False where it has none, as with a unary body; then the response can only be reset.
 */
export const interruptResponse = (stream: HttpStream, headers: HeaderList, error: ConnectError): boolean => {
  const contentType = headers.get("content-type") ?? "";
  if (contentType.startsWith("application/grpc-web")) {
    stream.sendData(encodeEnvelope(trailerFlag, trailerSerialize(setTrailerStatus(new Headers(), error))), true);
    return true;
  }
  if (contentType.startsWith("application/grpc")) {
    stream.sendTrailers(new HeaderList(statusFields(error)), undefined);
    return true;
  }
  if (contentType.startsWith("application/connect+")) {
    stream.sendData(endStreamMessage(error), true);
    return true;
  }
  return false;
};

/** More than any method's name: what is longer is not worth repeating in full. */
const METHOD_CHARS_MAX = 300;

const endStreamMessage = (error: ConnectError): Uint8Array =>
  encodeEnvelope(endStreamFlag, Buffer.from(JSON.stringify(endStreamToJson(new Headers(), error, undefined))));

const respond = (stream: HttpStream, fields: readonly string[], body?: Uint8Array): void => {
  if (body === undefined) {
    stream.sendHeaders(new HeaderList(fields), undefined, true);
    return;
  }
  stream.sendHeaders(new HeaderList([...fields, "content-length", String(body.length)]), undefined, false);
  stream.sendData(body, true);
};
