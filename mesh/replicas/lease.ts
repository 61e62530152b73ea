import { fail } from "../contract/fail.ts";
import type { Store } from "../store/store.ts";
import { LEASE_LOST } from "./errors.ts";
import { type LeaseRow, replicaStore } from "./store.ts";

/** What a replica holds while work is its own. */
export interface Lease {
  readonly name: string;
  /**
   * The store for that work: each of its writes checks, in its own transaction, that the lease has not changed hands, and else fails with
   * UNAVAILABLE `LEASE_LOST` and leaves nothing. So a process that was stopped and wakes up does no harm.
   */
  readonly store: Store;
}

/** Work that runs until it is stopped. */
export interface LeasedWork {
  /** Ends it; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** Work that belongs to one replica of a service at a time. */
export interface Leases {
  /**
   * Has `begin` called whenever this replica gets the lease `name`, and what it returns stopped when the lease is lost or the service
   * stops. Exactly one replica on a store has it at any time, but for moments in which nobody has. Once per name, before the service serves.
   *
   * @throws TypeError when the name is taken.
   */
  hold(name: string, begin: (lease: Lease) => LeasedWork): void;
}

/** The store as the holder of a lease writes to it. */
export const fenced = (store: Store, row: LeaseRow): Store => ({
  read: (job) => store.read(job),
  write: (job, options) =>
    store.write(async (tx) => {
      if (!(await replicaStore.isHeld(tx, row))) throw fail(LEASE_LOST, { lease: row.name });
      return job(tx);
    }, options),
  findReply: (method, requestId) => store.findReply(method, requestId),
  onEvents: (listener) => store.onEvents(listener),
  backup: (path, progress) => store.backup(path, progress),
  close: () => store.close(),
});
