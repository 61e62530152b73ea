import type { Transport } from "@connectrpc/connect";

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

const addressed = (header: Parameters<Transport["unary"]>[3], name: string): Headers => {
  const headers = new Headers(header);
  headers.set(SERVICE_HEADER, name);
  return headers;
};
