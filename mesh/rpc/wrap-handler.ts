import type { UniversalHandler, UniversalHandlerFn } from "@connectrpc/connect/protocol";

/** The same method of the same service, answered by `handle`. */
export const wrapHandler = (handler: UniversalHandler, handle: UniversalHandlerFn): UniversalHandler =>
  Object.assign(handle.bind(undefined), {
    protocolNames: handler.protocolNames,
    service: handler.service,
    method: handler.method,
    requestPath: handler.requestPath,
    allowedMethods: handler.allowedMethods,
    supportedContentType: handler.supportedContentType,
  });
