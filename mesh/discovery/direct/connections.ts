import { addressPool, type ConnectionPool, type WireChoice } from "../../rpc/index.ts";
import { parseAddress, type Runtime } from "../../runtime/index.ts";

/** The connections to instances, by their address: one pool for each, whichever of their services is called. */
export interface Connections {
  /** @throws TypeError when the address is none. */
  to(address: string): ConnectionPool;
  /** Says at which addresses `user` may call from now on; those that nobody calls any more lose their connections in peace. */
  keep(user: object, addresses: readonly string[]): void;
  /** Cuts every connection. */
  destroy(): void;
}

/**
 * Milliseconds until a connection to an instance must answer. A mesh's own network needs a few; whoever is behind one that swallows
 * everything is called through the gateway after so long.
 */
const CONNECT_TIMEOUT_MS = 1_000;

export const createConnections = (
  wire: WireChoice,
  runtime: Pick<Runtime, "clock" | "timers" | "random" | "network">,
): Connections => {
  const pools = new Map<string, ConnectionPool>();
  const kept = new Map<object, ReadonlySet<string>>();
  return {
    to(address) {
      const known = pools.get(address);
      if (known !== undefined) return known;
      const limits = { connectTimeoutMs: CONNECT_TIMEOUT_MS };
      const pool = addressPool(parseAddress(address), { wire, runtime, limits });
      pools.set(address, pool);
      return pool;
    },
    keep(user, addresses) {
      kept.set(user, new Set(addresses));
      for (const [address, pool] of pools) {
        if ([...kept.values()].some((used) => used.has(address))) continue;
        pools.delete(address);
        pool.close();
      }
    },
    destroy() {
      for (const pool of pools.values()) pool.destroy();
    },
  };
};
