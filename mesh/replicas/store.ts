import { type NoParams, type Reader, sql, type Tx } from "../store/index.ts";

/** A process that serves the store. */
export interface ReplicaRow {
  readonly instanceId: string;
  readonly address: string;
}

/** Who has a lease; `holder` is "" while nobody has it. */
export interface LeaseRow {
  readonly name: string;
  readonly holder: string;
  readonly epoch: number;
}

const allReplicas = sql<NoParams, ReplicaRow>("SELECT instance_id AS instanceId, address FROM heddle_replicas");
const allLeases = sql<NoParams, LeaseRow>("SELECT name, holder, epoch FROM heddle_leases");
const putReplica = sql<{ instanceId: string; address: string }>(
  "INSERT OR REPLACE INTO heddle_replicas (instance_id, address) VALUES (:instanceId, :address)",
);
const deleteReplica = sql<{ instanceId: string }>("DELETE FROM heddle_replicas WHERE instance_id = :instanceId");
const findReplica = sql<{ instanceId: string }, { found: number }>(
  "SELECT 1 AS found FROM heddle_replicas WHERE instance_id = :instanceId",
);
const freeLeases = sql<{ holder: string }>("UPDATE heddle_leases SET holder = '' WHERE holder = :holder");
const putLease = sql<{ name: string }>(
  "INSERT OR IGNORE INTO heddle_leases (name, holder, epoch) VALUES (:name, '', 0)",
);
const takeLease = sql<{ name: string; holder: string }>(
  "UPDATE heddle_leases SET holder = :holder, epoch = epoch + 1 WHERE name = :name AND holder = ''",
);
const leaseOf = sql<{ name: string }, LeaseRow>("SELECT name, holder, epoch FROM heddle_leases WHERE name = :name");

/** The replicas and their leases, as rows. */
export const replicaStore = {
  async list(reader: Reader): Promise<{ readonly replicas: ReplicaRow[]; readonly leases: LeaseRow[] }> {
    return { replicas: await reader.all(allReplicas, {}), leases: await reader.all(allLeases, {}) };
  },
  async join(tx: Tx, replica: ReplicaRow): Promise<void> {
    await tx.run(putReplica, { ...replica });
  },
  isMember: async (reader: Reader, instanceId: string): Promise<boolean> =>
    (await reader.get(findReplica, { instanceId })) !== undefined,
  /** Takes an instance out, and frees what it held; false when somebody has done so before. */
  async remove(tx: Tx, instanceId: string): Promise<boolean> {
    await tx.run(freeLeases, { holder: instanceId });
    return (await tx.run(deleteReplica, { instanceId })) === 1;
  },
  /** Frees the leases of an instance that stays. */
  async free(tx: Tx, holder: string): Promise<void> {
    await tx.run(freeLeases, { holder });
  },
  /** Takes a lease that nobody has; resolves to its epoch, or to undefined. */
  async take(tx: Tx, name: string, holder: string): Promise<number | undefined> {
    await tx.run(putLease, { name });
    if ((await tx.run(takeLease, { name, holder })) === 0) return undefined;
    return (await tx.get(leaseOf, { name }))?.epoch;
  },
  /** True while a lease is what its holder takes it for. */
  async isHeld(reader: Reader, { name, holder, epoch }: LeaseRow): Promise<boolean> {
    const found = await reader.get(leaseOf, { name });
    return found?.holder === holder && found.epoch === epoch;
  },
};
