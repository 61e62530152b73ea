import type { Transport } from "@connectrpc/connect";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { withToken } from "./with-token.ts";

/** The way to a mesh for commands: gRPC, with the caller's access token. */
export const gatewayTransport = (gateway: string): Transport =>
  withToken(grpcTransport(gateway, systemRuntime()), gateway);
