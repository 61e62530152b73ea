export { AlreadyApplied, type Call, currentCall, type Replay, runInCall } from "./call.ts";
export { grpcTransport, memoryTransport } from "./client.ts";
export { type Handler, type Implementation, implementation } from "./implementation.ts";
export { DEFAULT_RPC_LIMITS, type RpcLimits } from "./limits.ts";
export { respondError, respondUnknownMethod } from "./respond-error.ts";
export {
  createRpcServer,
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  pathOf,
  type RpcServer,
  type RpcServerOptions,
} from "./server.ts";
