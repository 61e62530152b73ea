import { AcquireError, type ConnectionPool } from "./connection-pool.ts";

/**
 * The connections to several addresses of which each will do, such as those of gateways: calls go to the one that answered last, and
 * to the next where no connection to it can be made.
 */
export const failoverPool = (pools: readonly ConnectionPool[]): ConnectionPool => {
  const [only] = pools;
  if (only !== undefined && pools.length === 1) return only;
  let current = 0;
  return {
    acquireNow: () => pools[current]?.acquireNow(),
    async acquire(signal) {
      let first: unknown;
      const begin = current;
      for (let step = 0; step < pools.length; step++) {
        const index = (begin + step) % pools.length;
        try {
          const session = await pools[index]?.acquire(signal);
          if (session === undefined) continue;
          current = index;
          return session;
        } catch (error) {
          if (!(error instanceof AcquireError) || error.reason !== "unavailable") throw error;
          first ??= error;
        }
      }
      throw first ?? new AcquireError("unavailable", "there is no address to connect to");
    },
    close() {
      for (const pool of pools) pool.close();
    },
    destroy() {
      for (const pool of pools) pool.destroy();
    },
  };
};
