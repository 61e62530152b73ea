import type { Address, Runtime } from "../../runtime/index.ts";
import type { WireChoice } from "../wire-choice.ts";
import { type ConnectionPool, createConnectionPool } from "./connection-pool.ts";
import { nodePool } from "./node-pool.ts";
import type { PoolLimits } from "./pool-limits.ts";

/** The connections to one address, by whoever is to speak HTTP/2. */
export const addressPool = (
  address: Address,
  options: {
    readonly wire: WireChoice;
    readonly runtime: Pick<Runtime, "clock" | "timers" | "random" | "network">;
    readonly limits?: Partial<PoolLimits>;
  },
): ConnectionPool => {
  const { wire, runtime, limits } = options;
  return wire === "heddle" ? createConnectionPool({ address, runtime, limits }) : nodePool(address, runtime, limits);
};
