import type { IncomingHttpHeaders } from "node:http";

/** The longest wait of Node's timers: 2^31 - 1 milliseconds, 24 days. A longer one would fire at once. */
const TIMEOUT_MS_MAX = 2_147_483_647;

/** Milliseconds of gRPC's units of time (gRPC over HTTP/2, Requests). */
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Shortens a deadline that no timer can wait for, which callers use to say "never". What is no deadline is left for the
 * protocol to refuse.
 */
export const capTimeout = (headers: IncomingHttpHeaders): void => {
  const grpc = /^(\d{1,8})([HMSmun])$/.exec(String(headers["grpc-timeout"] ?? ""));
  if (grpc !== null && Number(grpc[1]) * (UNIT_MS[grpc[2] ?? ""] ?? 0) > TIMEOUT_MS_MAX) {
    headers["grpc-timeout"] = `${Math.floor(TIMEOUT_MS_MAX / 1_000)}S`;
  }
  const connect = String(headers["connect-timeout-ms"] ?? "");
  if (/^\d{1,10}$/.test(connect) && Number(connect) > TIMEOUT_MS_MAX) {
    headers["connect-timeout-ms"] = String(TIMEOUT_MS_MAX);
  }
};
