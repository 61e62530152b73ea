import type { Interceptor } from "@connectrpc/connect";
import { CONSUMER_HEADER } from "@heddle/mesh/rpc";
import manifest from "./package.json" with { type: "json" };

/** What commands call themselves, so that the mesh tells them from programs that need what they call. */
export const CLI_CONSUMER = `heddle/${manifest.version}`;

/** Says it with each call that does not say otherwise. */
export const sayConsumer: Interceptor = (next) => (request) => {
  if (!request.header.has(CONSUMER_HEADER)) request.header.set(CONSUMER_HEADER, CLI_CONSUMER);
  return next(request);
};
