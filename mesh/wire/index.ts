export { Budget } from "./budget.ts";
export { ByteQueue } from "./byte-queue.ts";
export { ErrorCode, errorCodeName } from "./error-code.ts";
export { HeaderList } from "./header-list.ts";
export { type HttpStream, IGNORE, type ResetCause, type StreamHandler } from "./http-stream.ts";
export { DEFAULT_WIRE_LIMITS, type WireLimits } from "./limits.ts";
export { memorySession } from "./memory-session.ts";
export type { Session, SessionHandler } from "./session.ts";
export { connectSession, serveSession, type WireDeps } from "./socket.ts";
