import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import { HeaderList, type HttpStream } from "../wire/index.ts";
import { NodeHttp1Stream } from "./node-stream-http1.ts";
import { NodeHttp2Stream } from "./node-stream-http2.ts";

/** An exchange that Node's own servers have accepted, as the engine would hand it out. */
export interface NodeExchange {
  readonly stream: HttpStream;
  readonly headers: HeaderList;
  /** The request has no body. */
  readonly end: boolean;
}

/**
 * Wraps what `node:http` or `node:http2` calls a request and a response. Nothing else may read the one or write the other from
 * then on. Set the stream's handler in the same turn of the event loop.
 */
export const nodeServerStream = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): NodeExchange => {
  const peer = peerOf(request.socket);
  if ("stream" in request) {
    const end = request.stream.endAfterHeaders;
    // The response object answers it with trailers of its own.
    request.stream.removeAllListeners("wantTrailers");
    return {
      stream: new NodeHttp2Stream(request.stream, { peer, end }),
      headers: new HeaderList(request.rawHeaders),
      end,
    };
  }
  const end = !hasBody(request);
  return {
    stream: new NodeHttp1Stream(request, response as ServerResponse, { peer, end }),
    headers: headersOfHttp1(request),
    end,
  };
};

/** A request has a body exactly when one of these says so (RFC 9112, 6). */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/** Fields that concern one connection only (RFC 9110, 7.6.1), and the one that HTTP/2 replaces. */
const PER_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** The header section as HTTP/2 has it. */
const headersOfHttp1 = (request: IncomingMessage): HeaderList => {
  const { rawHeaders, headers } = request;
  const fields = [
    ":method",
    request.method ?? "GET",
    ":path",
    originForm(request.url ?? "/"),
    ":scheme",
    "encrypted" in request.socket ? "https" : "http",
  ];
  if (headers.host !== undefined) fields.push(":authority", headers.host);
  // A sender may name more fields that are meant for this connection alone.
  const named = headers.connection?.toLowerCase() ?? "";
  const also = named === "" || named === "keep-alive" || named === "close" ? undefined : named.split(/[\s,]+/);
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    if (PER_CONNECTION.has(name) || also?.includes(name)) continue;
    fields.push(name, rawHeaders[index + 1] as string);
  }
  return new HeaderList(fields);
};

/** A target as HTTP/2 has it; to a proxy it is sent with scheme and host, and whoever is asked so must take it (RFC 9112, 3.2.2). */
const originForm = (target: string): string => {
  if (target.startsWith("/") || !/^https?:\/\//i.test(target)) return target;
  const rest = target.replace(/^https?:\/\/[^/?#]*/i, "");
  return rest.startsWith("/") ? rest : `/${rest}`;
};

const peerOf = ({ remoteAddress, remotePort }: Socket): string =>
  remoteAddress === undefined ? "unknown" : `${remoteAddress}:${remotePort}`;
