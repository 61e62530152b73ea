import { ConcurrencyLimit } from "@heddle/mesh/policy";
import { addressPool, type ConnectionPool, type RpcServer, sessionPool, type WireChoice } from "@heddle/mesh/rpc";
import { parseAddress, type Runtime } from "@heddle/mesh/runtime";
import { PacedResets } from "./paced-resets.ts";

/** The connections to instances, by their address. */
export interface Upstreams {
  /** @throws TypeError when the address is none. */
  to(address: string): ConnectionPool;
  /** The calls on their way to an address: to be entered before a call is sent, and left when it is over. */
  load(address: string): ConcurrencyLimit;
  /** Ends streams to an address. */
  resets(address: string): PacedResets;
  /** Lets the calls to an address finish and closes its connections. */
  forget(address: string): void;
  /** Closes every connection. */
  close(): void;
}

/**
 * Connections to one instance. A caller may hold as many streams as one of them has, for as long as it likes: so few callers must
 * not be able to take them all.
 */
const CONNECTIONS_MAX = 128;
/**
 * Calls on their way to one instance, streams among them. What an instance has to do at once it slows down by, or dies of; more
 * than these find another instance, or are told to come back. Well below the streams of all connections, so that callers hear of
 * it at once instead of waiting for a stream.
 */
export const CALLS_PER_INSTANCE_MAX = 16_384;

/** Instances that are looked at for one that takes another call. */
export const LOOKS_MAX = 8;

export const createUpstreams = (
  wire: WireChoice,
  runtime: Pick<Runtime, "clock" | "timers" | "random" | "network">,
  /** Servers in this process, by address. */
  neighbours: ReadonlyMap<string, Pick<RpcServer, "connect">> = new Map(),
  callsPerInstanceMax = CALLS_PER_INSTANCE_MAX,
): Upstreams => {
  const pools = new Map<string, ConnectionPool>();
  const resets = new Map<string, PacedResets>();
  const loads = new Map<string, ConcurrencyLimit>();
  return {
    to(address) {
      const known = pools.get(address);
      if (known !== undefined) return known;
      const neighbour = neighbours.get(address);
      const pool =
        neighbour !== undefined
          ? sessionPool(() => neighbour.connect())
          : addressPool(parseAddress(address), { wire, runtime, limits: { connectionsMax: CONNECTIONS_MAX } });
      pools.set(address, pool);
      return pool;
    },
    load(address) {
      const known = loads.get(address);
      if (known !== undefined) return known;
      const made = new ConcurrencyLimit(callsPerInstanceMax);
      loads.set(address, made);
      return made;
    },
    resets(address) {
      const known = resets.get(address) ?? new PacedResets(runtime);
      resets.set(address, known);
      return known;
    },
    forget(address) {
      resets.delete(address);
      // Calls that are on their way leave the one that they have entered.
      loads.delete(address);
      pools.get(address)?.close();
      pools.delete(address);
    },
    close() {
      for (const pool of pools.values()) pool.destroy();
    },
  };
};
