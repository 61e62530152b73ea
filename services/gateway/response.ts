import type { Http2ServerResponse, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Writable } from "node:stream";
import type { HttpResponse } from "@heddle/mesh/rpc";

/** A response that has begun. */
export interface BegunResponse {
  readonly body: Writable;
  /** Keeps trailers until the body has ended. */
  trailers(trailers: IncomingHttpHeaders): void;
}

/** Begins to answer with an instance's headers, in the HTTP version of the caller. `end`: the headers are all there is. */
export const beginResponse = (response: HttpResponse, headers: IncomingHttpHeaders, end: boolean): BegunResponse => {
  const status = Number(headers[":status"] ?? 200);
  const kept = withoutPseudo(headers);
  return "stream" in response && response.stream !== undefined
    ? beginHttp2(response, status, kept, end)
    : beginHttp1(response as Http1Response, status, kept, end);
};

type Http1Response = Extract<HttpResponse, { shouldKeepAlive: boolean }>;

/**
 * On the stream itself: the response object can't send headers that end the stream, which gRPC calls trailers-only. It does
 * listen for the moment to send trailers, so those are left with it.
 */
const beginHttp2 = (
  response: Http2ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  end: boolean,
): BegunResponse => {
  const { stream } = response;
  if (!stream.destroyed) stream.respond({ ...headers, ":status": status }, { endStream: end, waitForTrailers: !end });
  return {
    body: stream,
    trailers: (trailers) => response.addTrailers(withoutPseudo(trailers)),
  };
};

const beginHttp1 = (
  response: Http1Response,
  status: number,
  headers: OutgoingHttpHeaders,
  end: boolean,
): BegunResponse => {
  response.writeHead(status, headers);
  if (end) response.end();
  return {
    body: response,
    trailers(trailers) {
      // Node sends them only in a chunked body; a body of known length has none (RFC 9112, 7.1.2).
      if (!response.hasHeader("content-length"))
        response.addTrailers(withoutPseudo(trailers) as Record<string, string>);
    },
  };
};

const withoutPseudo = (headers: IncomingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name, value]) => !name.startsWith(":") && value !== undefined));
