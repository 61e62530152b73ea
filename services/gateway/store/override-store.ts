import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Override, OverrideSchema, OverrideState } from "@heddle/contracts/heddle/contract/v1";
import { type Reader, sql, type Tx } from "@heddle/mesh/store";

/** What lets a contract in that breaks callers. */
export interface NewOverride {
  readonly id: string;
  readonly package: string;
  /** How the hash begins; empty for any. */
  readonly contractHash: string;
  readonly reason: string;
  readonly expireTimeMs: number;
  /** The id of the caller who made it. */
  readonly creator: string;
}

/** Overrides that are kept beside those that are active. */
const ENDED_MAX = 1_000;

interface Row extends NewOverride {
  readonly sequence: number;
  readonly createTimeMs: number;
  readonly revokeTimeMs: number | null;
  readonly useTimeMs: number | null;
  readonly usedContractHash: string;
  /** Empty while it was not revoked. */
  readonly revoker: string;
}

const COLUMNS = `sequence, id, package, contract_hash AS contractHash, reason, create_time_ms AS createTimeMs,
  expire_time_ms AS expireTimeMs, revoke_time_ms AS revokeTimeMs, use_time_ms AS useTimeMs, used_contract_hash AS usedContractHash,
  creator, revoker`;

const ACTIVE = "revoke_time_ms IS NULL AND use_time_ms IS NULL AND expire_time_ms > :nowMs";

const insert = sql<NewOverride & { nowMs: number; [name: string]: string | number }>(`
  INSERT INTO overrides (id, package, contract_hash, reason, create_time_ms, expire_time_ms, used_contract_hash, creator, revoker)
  VALUES (:id, :package, :contractHash, :reason, :nowMs, :expireTimeMs, '', :creator, '')`);

const byId = sql<{ id: string }, Row>(`SELECT ${COLUMNS} FROM overrides WHERE id = :id`);

/** One that names the contract goes before one for any. */
const active = sql<{ package: string; hash: string; nowMs: number }, Row>(`
  SELECT ${COLUMNS} FROM overrides
  WHERE package = :package AND ${ACTIVE} AND substr(:hash, 1, length(contract_hash)) = contract_hash
  ORDER BY length(contract_hash) DESC, sequence LIMIT 1`);

const countActive = sql<{ nowMs: number }, { active: number }>(
  `SELECT count(*) AS active FROM overrides WHERE ${ACTIVE}`,
);

const page = sql<{ before: number; limit: number }, Row>(
  `SELECT ${COLUMNS} FROM overrides WHERE sequence < :before ORDER BY sequence DESC LIMIT :limit`,
);

const pageOfPackage = sql<{ package: string; before: number; limit: number }, Row>(
  `SELECT ${COLUMNS} FROM overrides WHERE package = :package AND sequence < :before ORDER BY sequence DESC LIMIT :limit`,
);

const revoke = sql<{ id: string; revoker: string; nowMs: number }>(
  `UPDATE overrides SET revoke_time_ms = :nowMs, revoker = :revoker WHERE id = :id AND ${ACTIVE}`,
);

const use = sql<{ id: string; hash: string; nowMs: number }>(
  "UPDATE overrides SET use_time_ms = :nowMs, used_contract_hash = :hash WHERE id = :id",
);

const dropEnded = sql<{ nowMs: number; kept: number }>(`
  DELETE FROM overrides WHERE sequence <= (
    SELECT sequence FROM overrides WHERE NOT (${ACTIVE}) ORDER BY sequence DESC LIMIT 1 OFFSET :kept) AND NOT (${ACTIVE})`);

/** What operators let in. */
export const overrideStore = () => ({
  async insert(tx: Tx, override: NewOverride, nowMs: number): Promise<void> {
    await tx.run(insert, { ...override, nowMs });
    await tx.run(dropEnded, { nowMs, kept: ENDED_MAX });
  },
  async byId(reader: Reader, id: string, nowMs: number): Promise<Override | undefined> {
    const row = await reader.get(byId, { id });
    return row && message(row, nowMs);
  },
  /** The override that lets a contract in; one that names it, rather than one for any. */
  async activeFor(reader: Reader, packageName: string, hash: string, nowMs: number): Promise<NewOverride | undefined> {
    return reader.get(active, { package: packageName, hash, nowMs });
  },
  async countActive(reader: Reader, nowMs: number): Promise<number> {
    return (await reader.get(countActive, { nowMs }))?.active ?? 0;
  },
  /** Latest first, those before a sequence, each with its own. */
  async list(
    reader: Reader,
    list: { package: string; before: number; limit: number },
    nowMs: number,
  ): Promise<{ sequence: number; override: Override }[]> {
    const { before, limit } = list;
    const rows = await (list.package === "" ? reader.all(page, { before, limit }) : reader.all(pageOfPackage, list));
    return rows.map((row) => ({ sequence: row.sequence, override: message(row, nowMs) }));
  },
  /** Ends an override that is active; others stay as they are. */
  async revoke(tx: Tx, id: string, revoker: string, nowMs: number): Promise<void> {
    await tx.run(revoke, { id, revoker, nowMs });
  },
  async use(tx: Tx, id: string, hash: string, nowMs: number): Promise<void> {
    await tx.run(use, { id, hash, nowMs });
  },
});

export type OverrideStore = ReturnType<typeof overrideStore>;

const message = (row: Row, nowMs: number): Override =>
  create(OverrideSchema, {
    id: row.id,
    package: row.package,
    contractHash: row.contractHash,
    reason: row.reason,
    createTime: timestampFromMs(row.createTimeMs),
    expireTime: timestampFromMs(row.expireTimeMs),
    ...(row.revokeTimeMs === null ? {} : { revokeTime: timestampFromMs(row.revokeTimeMs) }),
    ...(row.useTimeMs === null ? {} : { useTime: timestampFromMs(row.useTimeMs) }),
    usedContractHash: row.usedContractHash,
    state: stateOf(row, nowMs),
    creator: row.creator,
    revoker: row.revoker,
  });

const stateOf = ({ useTimeMs, revokeTimeMs, expireTimeMs }: Row, nowMs: number): OverrideState => {
  if (useTimeMs !== null) return OverrideState.USED;
  if (revokeTimeMs !== null) return OverrideState.REVOKED;
  return expireTimeMs > nowMs ? OverrideState.ACTIVE : OverrideState.EXPIRED;
};
