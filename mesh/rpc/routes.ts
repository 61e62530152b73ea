import type { Registry } from "@bufbuild/protobuf";
import { createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import { assertRulesCompile } from "../contract/validate.ts";
import { compileMethod, type MethodDeps } from "./compile-method.ts";
import { completeErrors } from "./complete-errors.ts";
import { type GrpcMethod, grpcMethod } from "./grpc-method.ts";
import type { Implementation } from "./implementation.ts";
import { logRefusal } from "./observe-call.ts";
import { serveConnect } from "./serve-connect.ts";
import { speakWebText } from "./web-text.ts";

/** One method in both ways: gRPC with protobuf on the wire, and everything else by Connect. */
export interface Route {
  readonly grpc: GrpcMethod;
  readonly universal: UniversalHandler;
}

/** The most that Connect allows. */
const WRITE_BYTES_MAX = 0xffffffff;

/** Compiles every method, once; keyed by path, for instance `/order.v1.OrderService/GetOrder`. */
export const compileRoutes = (
  implementations: readonly Implementation[],
  deps: MethodDeps,
  { shutdown, registry }: { shutdown: AbortSignal; registry: Registry | undefined },
): ReadonlyMap<string, Route> => {
  const { limits } = deps;
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes: limits.messageBytesMax,
    writeMaxBytes: deps.policies ? limits.messageBytesMax : WRITE_BYTES_MAX,
    shutdownSignal: shutdown,
    // A misspelt field must not be dropped in silence.
    jsonOptions: { ignoreUnknownFields: false, ...(registry === undefined ? {} : { registry }) },
  });
  const methods = new Map<string, GrpcMethod>();
  for (const { service, handlers } of implementations) {
    // Now, because the first call would wait for it, and a short deadline would not.
    if (deps.policies) assertRulesCompile(service);
    for (const method of service.methods) {
      const handler = handlers[method.localName];
      if (handler === undefined) throw new Error(`${service.typeName}/${method.name} has no handler`);
      const compiled = compileMethod(method, handler, deps);
      methods.set(`/${compiled.name}`, grpcMethod(compiled));
      router.rpc(method, serveConnect(compiled));
    }
  }
  const routes = new Map<string, Route>();
  for (const handler of router.handlers) {
    const grpc = methods.get(handler.requestPath);
    if (grpc === undefined) continue;
    const complete = deps.policies ? completeErrors(handler, (error) => logRefusal(grpc.compiled, error)) : handler;
    const universal = speakWebText(complete);
    routes.set(handler.requestPath, { grpc, universal });
  }
  return routes;
};
