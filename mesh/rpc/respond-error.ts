import type { ServerResponse } from "node:http";
import type { ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { unknownMethod } from "../contract/unknown-method.ts";
import { type HttpRequest, type HttpResponse, pathOf } from "./server.ts";

/**
 * Answers a request with an error in the protocol that it speaks: gRPC as trailers only, gRPC-Web likewise, Connect as JSON
 * or as an end-of-stream message, and plain JSON with an HTTP status for everything else.
 */
export const respondError = (request: HttpRequest, response: HttpResponse, error: ConnectError): void => {
  // What the peer still sends is of no interest, but must not stall its connection.
  request.resume();
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const contentType = request.headers["content-type"] ?? "";
  if (contentType.startsWith("application/grpc")) {
    const headers = Object.fromEntries(setTrailerStatus(new Headers({ "content-type": contentType }), error));
    respond(response, 200, headers);
  } else if (contentType.startsWith("application/connect+")) {
    const end = Buffer.from(JSON.stringify(endStreamToJson(new Headers(), error, undefined)));
    respond(response, 200, { "content-type": contentType }, encodeEnvelope(endStreamFlag, end));
  } else {
    const body = errorToJsonBytes(error, undefined);
    respond(response, codeToHttpStatus(error.code), { "content-type": "application/json" }, body);
  }
};

/** Answers UNIMPLEMENTED, with the known method whose name is nearest. `known` are paths such as `/order.v1.OrderService/GetOrder`. */
export const respondUnknownMethod = (request: HttpRequest, response: HttpResponse, known: Iterable<string>): void => {
  const method = pathOf(request.url ?? "/").slice(1, METHOD_CHARS_MAX) || "/";
  const names = Array.from(known, (path) => path.slice(1));
  respondError(request, response, unknownMethod(method, names, "heddle.mesh"));
};

/** More than any method's name: what is longer is not worth repeating in full. */
const METHOD_CHARS_MAX = 300;

const respond = (response: HttpResponse, status: number, headers: Record<string, string>, body?: Uint8Array): void => {
  if ("stream" in response && response.stream !== undefined) {
    // On the stream itself, so that headers alone end it, which gRPC calls trailers-only.
    if (response.stream.destroyed) return;
    response.stream.respond({ ...headers, ":status": status }, { endStream: body === undefined });
    if (body !== undefined) response.stream.end(body);
    return;
  }
  (response as ServerResponse).writeHead(status, { ...headers, "content-length": body?.byteLength ?? 0 }).end(body);
};
