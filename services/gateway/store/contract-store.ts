import { type Reader, sql, type Tx } from "@heddle/mesh/store";

/** What is kept of a package version. */
export interface StoredPackage {
  readonly name: string;
  /** The contract that callers see. */
  readonly contractHash: string;
  readonly updateTimeMs: number;
  /** Grows with each contract that comes into force. */
  readonly sequence: number;
}

/** Contracts that are kept, and package versions: an operator's mesh has some dozens of each. */
const CONTRACTS_MAX = 1_000;
const PACKAGES_MAX = 1_000;
/** Bytes of all contracts together: as many of ours, with comments, as there may be. */
const CONTRACT_BYTES_MAX = 256 * 1024 * 1024;
/** Earlier contracts of one package that may come back: a mesh rolls back a few releases. */
const ADMITTED_MAX = 100;

const bytesOf = sql<{ hash: string }, { bytes: Uint8Array }>(
  "SELECT descriptor_set AS bytes FROM contracts WHERE hash = :hash",
);

const putContract = sql<{ hash: string; bytes: Uint8Array; nowMs: number }>(`
  INSERT INTO contracts (hash, descriptor_set, used_time_ms) VALUES (:hash, :bytes, :nowMs)
  ON CONFLICT DO UPDATE SET used_time_ms = excluded.used_time_ms`);

/** Those in force stay, whatever their age; of the others the ones used last, as many as the bounds let. */
const dropContracts = sql<{ contracts: number; bytes: number }>(`
  DELETE FROM contracts WHERE hash NOT IN (SELECT contract_hash FROM packages) AND hash IN (
    SELECT hash FROM (
      SELECT hash, row_number() OVER latest AS place, sum(length(descriptor_set)) OVER latest AS bytes
      FROM contracts WINDOW latest AS (ORDER BY used_time_ms DESC, hash)
    ) WHERE place > :contracts OR bytes > :bytes)`);

const COLUMNS = "name, contract_hash AS contractHash, update_time_ms AS updateTimeMs, sequence";

const byName = sql<{ name: string }, StoredPackage>(`SELECT ${COLUMNS} FROM packages WHERE name = :name`);

const page = sql<{ after: string; limit: number }, StoredPackage>(
  `SELECT ${COLUMNS} FROM packages WHERE name > :after ORDER BY name LIMIT :limit`,
);

const putPackage = sql<{ name: string; contractHash: string; nowMs: number }>(`
  INSERT INTO packages (name, contract_hash, update_time_ms, offer_time_ms, sequence)
  VALUES (:name, :contractHash, :nowMs, :nowMs, (SELECT coalesce(max(sequence), 0) + 1 FROM packages))
  ON CONFLICT DO UPDATE SET contract_hash = excluded.contract_hash, update_time_ms = excluded.update_time_ms,
    sequence = excluded.sequence`);

const touchPackage = sql<{ name: string; nowMs: number }>(
  "UPDATE packages SET offer_time_ms = :nowMs WHERE name = :name",
);

const dropPackages = sql<{ kept: number }>(
  "DELETE FROM packages WHERE name IN (SELECT name FROM packages ORDER BY offer_time_ms DESC, name LIMIT -1 OFFSET :kept)",
);

const findAdmitted = sql<{ package: string; hash: string }, { found: number }>(
  "SELECT 1 AS found FROM admitted_contracts WHERE package = :package AND contract_hash = :hash",
);

const putAdmitted = sql<{ package: string; hash: string; nowMs: number }>(`
  INSERT INTO admitted_contracts (package, contract_hash, offer_time_ms) VALUES (:package, :hash, :nowMs)
  ON CONFLICT DO UPDATE SET offer_time_ms = excluded.offer_time_ms`);

const dropAdmitted = sql<{ package: string; kept: number }>(`
  DELETE FROM admitted_contracts WHERE package = :package AND contract_hash IN (
    SELECT contract_hash FROM admitted_contracts WHERE package = :package
    ORDER BY offer_time_ms DESC, contract_hash LIMIT -1 OFFSET :kept)`);

/** Contracts by hash, and which of them each package has in force. */
export const contractStore = () => ({
  /** The descriptor set of a contract; undefined when it is not kept. */
  async bytes(reader: Reader, hash: string): Promise<Uint8Array | undefined> {
    const row = await reader.get(bytesOf, { hash });
    return row === undefined ? undefined : new Uint8Array(row.bytes);
  },
  async put(tx: Tx, contract: { hash: string; bytes: Uint8Array }, nowMs: number): Promise<void> {
    await tx.run(putContract, { ...contract, nowMs });
  },
  /** Forgets contracts and packages beyond the bounds, those that were used least lately. */
  async forgetOldest(tx: Tx): Promise<void> {
    await tx.run(dropPackages, { kept: PACKAGES_MAX });
    await tx.run(dropContracts, { contracts: CONTRACTS_MAX, bytes: CONTRACT_BYTES_MAX });
  },
  package: (reader: Reader, name: string): Promise<StoredPackage | undefined> => reader.get(byName, { name }),
  /** Packages by name, those behind `after`. */
  packages: (reader: Reader, after: string, limit: number): Promise<StoredPackage[]> =>
    reader.all(page, { after, limit }),
  /** Puts a contract, which must be kept, in force. */
  async putInForce(tx: Tx, name: string, contractHash: string, nowMs: number): Promise<void> {
    await tx.run(putPackage, { name, contractHash, nowMs });
  },
  async wasAdmitted(reader: Reader, packageName: string, hash: string): Promise<boolean> {
    return (await reader.get(findAdmitted, { package: packageName, hash })) !== undefined;
  },
  /** Remembers that an instance offers a contract that is admitted. */
  async putAdmitted(tx: Tx, packageName: string, hash: string, nowMs: number): Promise<void> {
    await tx.run(touchPackage, { name: packageName, nowMs });
    await tx.run(putAdmitted, { package: packageName, hash, nowMs });
    await tx.run(dropAdmitted, { package: packageName, kept: ADMITTED_MAX });
  },
});

export type ContractStore = ReturnType<typeof contractStore>;
