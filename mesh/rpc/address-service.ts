import type { Transport } from "@connectrpc/connect";
import { ErrorCode } from "../wire/index.ts";
import type { HttpHandler } from "./server.ts";

/**
 * Names the service that a call is for, where several serve the same contract, such as `heddle.events.v1.EventFeedService`: the
 * gateway routes by it.
 */
export const SERVICE_HEADER = "heddle-service";

/** The transport with each call addressed to the service `name`, such as `billing`. */
export const addressedTo = (transport: Transport, name: string): Transport => ({
  unary: (method, signal, timeoutMs, header, ...rest) =>
    transport.unary(method, signal, timeoutMs, addressed(header, name), ...rest),
  stream: (method, signal, timeoutMs, header, ...rest) =>
    transport.stream(method, signal, timeoutMs, addressed(header, name), ...rest),
});

/**
 * Serves calls for the service `name`, and those that name none. One for another has come by an old address, at which that one is no
 * more: it is refused before anything is done, so that its caller tries elsewhere (RFC 9113, 8.7).
 */
export const answersFor =
  (name: string) =>
  (handle: HttpHandler): HttpHandler =>
  (stream, headers, end) => {
    const meant = headers.get(SERVICE_HEADER);
    if (meant === undefined || meant === name) handle(stream, headers, end);
    else stream.reset(ErrorCode.REFUSED_STREAM);
  };

const addressed = (header: Parameters<Transport["unary"]>[3], name: string): Headers => {
  const headers = new Headers(header);
  headers.set(SERVICE_HEADER, name);
  return headers;
};
