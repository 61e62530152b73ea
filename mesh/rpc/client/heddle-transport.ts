import { parseAddress, type Runtime, systemRuntime } from "../../runtime/index.ts";
import type { WireLimits } from "../../wire/index.ts";
import { createConnectionPool } from "./connection-pool.ts";
import { type CallOptions, type HeddleTransport, transportOn } from "./grpc-transport.ts";
import type { ClientTls } from "./open-socket.ts";
import type { PoolLimits } from "./pool-limits.ts";
import { withPolicies } from "./with-policies.ts";

export interface HeddleTransportOptions extends CallOptions {
  /** `http://host:port`, or `https:` for TLS with ALPN h2; a path stands before the methods'. */
  readonly baseUrl: string;
  /** Default: the process's own. */
  readonly runtime?: Pick<Runtime, "clock" | "timers" | "random" | "network">;
  /** For `https:`. Default: Node's roots, no certificate of our own. */
  readonly tls?: ClientTls;
  /**
   * Whether calls are sent again, hedged and held back as their contracts allow (`withPolicies`). Default: true, for none but calls
   * that may take effect twice is sent twice.
   */
  readonly policies?: boolean;
  readonly pool?: Partial<PoolLimits>;
  readonly wire?: Partial<WireLimits>;
}

/**
 * gRPC with protobuf over Heddle's own HTTP/2, for `createClient`. Connects on the first call and again whenever it must; a call
 * that a server did not begin to process is sent again (gRFC A6, Transparent Retries), and so are others by `policies`. Errors are
 * those of Connect's `createGrpcTransport`.
 *
 * @example
 * const orders = createClient(OrderService, createHeddleTransport({ baseUrl: "http://127.0.0.1:8080" }));
 */
export const createHeddleTransport = (options: HeddleTransportOptions): HeddleTransport => {
  const { runtime = systemRuntime() } = options;
  const { address, ...target } = parseBaseUrl(options.baseUrl);
  const pool = createConnectionPool({
    address,
    runtime,
    limits: options.pool,
    wire: options.wire,
    tls: target.scheme === "https" ? (options.tls ?? {}) : undefined,
  });
  const transport = transportOn(pool, target, runtime, options);
  if (options.policies === false) return transport;
  const { unary, stream } = withPolicies(transport, runtime, options);
  return { ...transport, unary, stream };
};

const parseBaseUrl = (baseUrl: string) => {
  const url = URL.parse(baseUrl);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new TypeError(`"${baseUrl}" is no base URL: write http://host:port or https://host:port`);
  const scheme = url.protocol.slice(0, -1);
  const port = url.port === "" ? (scheme === "https" ? "443" : "80") : url.port;
  return {
    scheme,
    authority: url.host,
    basePath: url.pathname.replace(/\/+$/, ""),
    address: parseAddress(`${url.hostname}:${port}`),
  };
};
