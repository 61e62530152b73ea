export type { HeddleTransport } from "./grpc-transport.ts";
export { createHeddleTransport, type HeddleTransportOptions } from "./heddle-transport.ts";
export type { ClientTls } from "./open-socket.ts";
export type { PoolLimits } from "./pool-limits.ts";
