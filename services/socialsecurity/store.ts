import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Access, AccessSchema } from "@heddle/contracts/socialsecurity/v1";
import { type NoParams, type Reader, sql, type Tx } from "@heddle/mesh/store";
import { CHAIN_START, type ChainEnd, kindName, kindOf, nextAccess, type Touch } from "./access.ts";
import { isLive, type LiveRecord, type NumberRecord } from "./record.ts";
import type { SealedNumber } from "./vault.ts";

type NumberRow = { wrapped_key: Uint8Array; number: Uint8Array; last_four: Uint8Array; blind_index: Uint8Array };

type RecordRow = {
  id: string;
  customer_id: string;
  slot: number | null;
  wrapping_key_id: string | null;
  index_key_id: string | null;
  bucket: number | null;
  create_time_ms: number;
  update_time_ms: number;
  verify_time_ms: number | null;
  erase_time_ms: number | null;
  mismatches: number;
  mismatch_time_ms: number;
};

type Row = RecordRow & { [K in keyof NumberRow]: NumberRow[K] | null };

const COLUMNS = "records.*, numbers.wrapped_key, numbers.number, numbers.last_four, numbers.blind_index";
const JOINED = "records LEFT JOIN numbers ON numbers.slot = records.slot";

const insertNumber = sql<NumberRow, { slot: number }>(`
  INSERT INTO numbers (wrapped_key, number, last_four, blind_index)
  VALUES (:wrapped_key, :number, :last_four, :blind_index) RETURNING slot`);

const insertRecord = sql<RecordRow>(`
  INSERT INTO records (id, customer_id, slot, wrapping_key_id, index_key_id, bucket, create_time_ms, update_time_ms,
    verify_time_ms, erase_time_ms, mismatches, mismatch_time_ms)
  VALUES (:id, :customer_id, :slot, :wrapping_key_id, :index_key_id, :bucket, :create_time_ms, :update_time_ms,
    :verify_time_ms, :erase_time_ms, :mismatches, :mismatch_time_ms)`);

const updateRecord = sql<Omit<RecordRow, "customer_id" | "slot" | "index_key_id" | "bucket" | "create_time_ms">>(`
  UPDATE records SET wrapping_key_id = :wrapping_key_id, update_time_ms = :update_time_ms, verify_time_ms = :verify_time_ms,
    erase_time_ms = :erase_time_ms, mismatches = :mismatches, mismatch_time_ms = :mismatch_time_ms
  WHERE id = :id`);

const eraseRecord = sql<{ id: string; update_time_ms: number; erase_time_ms: number }>(`
  UPDATE records SET slot = NULL, wrapping_key_id = NULL, index_key_id = NULL, bucket = NULL, mismatches = 0,
    mismatch_time_ms = 0, update_time_ms = :update_time_ms, erase_time_ms = :erase_time_ms
  WHERE id = :id`);

// Both keep the length of the row: SQLite then writes over its very bytes.
const overwriteWrappedKey = sql<{ id: string; wrapped_key: Uint8Array }>(
  "UPDATE numbers SET wrapped_key = :wrapped_key WHERE slot = (SELECT slot FROM records WHERE id = :id)",
);
const overwriteNumber = sql<{ id: string }>(`
  UPDATE numbers SET wrapped_key = zeroblob(60), number = zeroblob(37), last_four = zeroblob(32), blind_index = zeroblob(32)
  WHERE slot = (SELECT slot FROM records WHERE id = :id)`);

const latestOfCustomer = sql<{ customerId: string }, Row>(`
  SELECT ${COLUMNS} FROM ${JOINED} WHERE customer_id = :customerId ORDER BY erase_time_ms IS NULL DESC, id DESC LIMIT 1`);

const byBucket = sql<{ bucket: number }, Row>(`SELECT ${COLUMNS} FROM ${JOINED} WHERE bucket = :bucket`);

const byWrappingKey = sql<{ keyId: string; after: string; limit: number }, Row>(`
  SELECT ${COLUMNS} FROM ${JOINED} WHERE wrapping_key_id = :keyId AND id > :after ORDER BY id LIMIT :limit`);

/** The records, as rows and back. */
export const recordStore = () => ({
  async insert(tx: Tx, record: LiveRecord): Promise<void> {
    const slot = (await tx.get(insertNumber, toNumberRow(record.sealed)))?.slot ?? null;
    const { blindIndex, indexKeyId } = record.sealed;
    const bucket = bucketOf(blindIndex);
    const { customerId: customer_id, createTime } = record;
    const row = { ...toRow(record), customer_id, slot, index_key_id: indexKeyId, bucket };
    await tx.run(insertRecord, { ...row, create_time_ms: timestampMs(createTime) });
  },
  /** Writes what changes of a record while it lives. */
  update: (tx: Tx, record: LiveRecord) => tx.run(updateRecord, toRow(record)),
  /** Puts the number of a record under another wrapping key. */
  async rewrap(tx: Tx, record: LiveRecord): Promise<void> {
    await tx.run(overwriteWrappedKey, { id: record.id, wrapped_key: record.sealed.wrappedKey });
    await tx.run(updateRecord, toRow(record));
  },
  /** Destroys the number and keeps the record. */
  async erase(tx: Tx, { id, updateTime, eraseTime }: NumberRecord): Promise<void> {
    const update_time_ms = timestampMs(updateTime);
    await tx.run(overwriteNumber, { id });
    await tx.run(eraseRecord, {
      id,
      update_time_ms,
      erase_time_ms: eraseTime ? timestampMs(eraseTime) : update_time_ms,
    });
  },
  /** The record that is not erased, or the last one that was. */
  async findLatest(reader: Reader, customerId: string): Promise<NumberRecord | undefined> {
    const row = await reader.get(latestOfCustomer, { customerId });
    return row && toRecord(row);
  },
  /** The records whose number may have this blind index, and a few others. */
  async listCandidates(reader: Reader, blindIndex: Uint8Array): Promise<LiveRecord[]> {
    return (await reader.all(byBucket, { bucket: bucketOf(blindIndex) })).map(toRecord).filter(isLive);
  },
  /** Records under a wrapping key, in the order of their ids, behind `after`. */
  async listUnderKey(reader: Reader, page: { keyId: string; after: string; limit: number }): Promise<LiveRecord[]> {
    return (await reader.all(byWrappingKey, page)).map(toRecord).filter(isLive);
  },
});

export type RecordStore = ReturnType<typeof recordStore>;

/** 16 bits: enough to find one number among millions by, too few to tell which of a billion it was. */
const bucketOf = (blindIndex: Uint8Array): number => Buffer.from(blindIndex).readUInt16BE(0);

const toNumberRow = ({ wrappedKey, number, lastFour, blindIndex }: SealedNumber): NumberRow => ({
  wrapped_key: wrappedKey,
  number,
  last_four: lastFour,
  blind_index: blindIndex,
});

const toRow = (record: LiveRecord) => ({
  id: record.id,
  wrapping_key_id: record.sealed.wrappingKeyId,
  update_time_ms: timestampMs(record.updateTime),
  verify_time_ms: record.verifyTime ? timestampMs(record.verifyTime) : null,
  erase_time_ms: null,
  mismatches: record.mismatches.count,
  mismatch_time_ms: record.mismatches.lastMs,
});

const toRecord = (row: Row): NumberRecord => ({
  id: row.id,
  customerId: row.customer_id,
  sealed: toSealed(row),
  mismatches: { count: row.mismatches, lastMs: row.mismatch_time_ms },
  createTime: timestampFromMs(row.create_time_ms),
  updateTime: timestampFromMs(row.update_time_ms),
  verifyTime: row.verify_time_ms === null ? undefined : timestampFromMs(row.verify_time_ms),
  eraseTime: row.erase_time_ms === null ? undefined : timestampFromMs(row.erase_time_ms),
});

const toSealed = (row: Row): SealedNumber | undefined => {
  const { wrapped_key: wrappedKey, number, last_four: lastFour, blind_index: blindIndex } = row;
  const { wrapping_key_id: wrappingKeyId, index_key_id: indexKeyId } = row;
  if (wrappedKey === null || number === null || lastFour === null || blindIndex === null) return undefined;
  if (wrappingKeyId === null || indexKeyId === null) return undefined;
  return { wrappedKey, wrappingKeyId, number, lastFour, blindIndex, indexKeyId };
};

const insertDeletion = sql<{ customerId: string; deleteTimeMs: number }>(`
  INSERT OR REPLACE INTO deleted_customers (customer_id, delete_time_ms) VALUES (:customerId, :deleteTimeMs)`);
const deleteDeletion = sql<{ customerId: string }>("DELETE FROM deleted_customers WHERE customer_id = :customerId");
const deletionOfCustomer = sql<{ customerId: string }, { delete_time_ms: number }>(
  "SELECT delete_time_ms FROM deleted_customers WHERE customer_id = :customerId",
);

/** The customers that are deleted, as far as this service has heard. */
export const deletionStore = () => ({
  add: (tx: Tx, customerId: string, deleteTimeMs: number) => tx.run(insertDeletion, { customerId, deleteTimeMs }),
  remove: (tx: Tx, customerId: string) => tx.run(deleteDeletion, { customerId }),
  async has(reader: Reader, customerId: string): Promise<boolean> {
    return (await reader.get(deletionOfCustomer, { customerId })) !== undefined;
  },
});

export type DeletionStore = ReturnType<typeof deletionStore>;

type AccessRow = {
  sequence: number;
  customer_id: string;
  kind: string;
  caller: string;
  reason: string;
  create_time_ms: number;
  previous_hash: string;
  hash: string;
};

const insertAccess = sql<AccessRow>(`
  INSERT INTO accesses (sequence, customer_id, kind, caller, reason, create_time_ms, previous_hash, hash)
  VALUES (:sequence, :customer_id, :kind, :caller, :reason, :create_time_ms, :previous_hash, :hash)`);

const lastAccess = sql<NoParams, AccessRow>("SELECT * FROM accesses ORDER BY sequence DESC LIMIT 1");

const allAccesses = sql<{ after: number; limit: number }, AccessRow>(
  "SELECT * FROM accesses WHERE sequence > :after ORDER BY sequence LIMIT :limit",
);
const accessesOfCustomer = sql<{ customerId: string; after: number; limit: number }, AccessRow>(
  "SELECT * FROM accesses WHERE customer_id = :customerId AND sequence > :after ORDER BY sequence LIMIT :limit",
);

/** The log of who touched a number. */
export const accessLog = () => ({
  /** Adds an entry at the end of the chain. */
  async append(tx: Tx, touch: Touch): Promise<Access> {
    const row = await tx.get(lastAccess, {});
    const last: ChainEnd = row === undefined ? CHAIN_START : toAccess(row);
    const access = nextAccess(last, touch);
    await tx.run(insertAccess, toAccessRow(access));
    return access;
  },
  /** In the order of their sequence, behind `after`; of all customers when `customerId` is empty. */
  async list(reader: Reader, list: { customerId: string; after: number; limit: number }): Promise<Access[]> {
    const { customerId, after, limit } = list;
    const rows =
      customerId === ""
        ? await reader.all(allAccesses, { after, limit })
        : await reader.all(accessesOfCustomer, { customerId, after, limit });
    return rows.map(toAccess);
  },
});

export type AccessLog = ReturnType<typeof accessLog>;

const toAccessRow = (access: Access): AccessRow => ({
  sequence: Number(access.sequence),
  customer_id: access.customerId,
  kind: kindName(access.kind),
  caller: access.caller,
  reason: access.reason,
  create_time_ms: access.createTime ? timestampMs(access.createTime) : 0,
  previous_hash: access.previousHash,
  hash: access.hash,
});

const toAccess = (row: AccessRow): Access =>
  create(AccessSchema, {
    sequence: BigInt(row.sequence),
    customerId: row.customer_id,
    kind: kindOf(row.kind),
    caller: row.caller,
    reason: row.reason,
    createTime: timestampFromMs(row.create_time_ms),
    previousHash: row.previous_hash,
    hash: row.hash,
  });

/** One of the operator's keys, as the database knows it. */
export interface KnownKey {
  readonly id: string;
  readonly purpose: "wrapping" | "index";
  /** 1 when a number is stored under it. */
  readonly in_use: 0 | 1;
}

const insertKey = sql<{ id: string; purpose: string; nowMs: number }>(
  "INSERT INTO keys (id, purpose, create_time_ms) VALUES (:id, :purpose, :nowMs) ON CONFLICT (id) DO NOTHING",
);
const deleteKey = sql<{ id: string }>("DELETE FROM keys WHERE id = :id");
const allKeys = sql<NoParams, KnownKey>(`
  SELECT id, purpose, EXISTS (SELECT 1 FROM records WHERE wrapping_key_id = keys.id)
    OR EXISTS (SELECT 1 FROM records WHERE index_key_id = keys.id) AS in_use
  FROM keys ORDER BY id`);

/** The ids of the operator's keys; a number is stored only under a key that is listed. */
export const keyStore = () => ({
  list: (reader: Reader): Promise<KnownKey[]> => reader.all(allKeys, {}),
  add: (tx: Tx, key: { id: string; purpose: KnownKey["purpose"]; nowMs: number }) => tx.run(insertKey, key),
  remove: (tx: Tx, id: string) => tx.run(deleteKey, { id }),
});

export type KeyStore = ReturnType<typeof keyStore>;
