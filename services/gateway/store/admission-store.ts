import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Admission, type AdmissionOutcome, AdmissionSchema } from "@heddle/contracts/heddle/contract/v1";
import { type ContractViolation, RefusedSchema } from "@heddle/contracts/heddle/registry/v1";
import { type Reader, sql, type Tx } from "@heddle/mesh/store";

/** One decision over one contract. */
export interface Decision {
  readonly package: string;
  readonly contractHash: string;
  readonly service: string;
  readonly serviceVersion: string;
  readonly outcome: AdmissionOutcome;
  readonly violations: readonly ContractViolation[];
  /** Empty where none let it in. */
  readonly overrideId: string;
}

/** Which decisions a list asks for. */
export interface AdmissionList {
  /** Empty: any. */
  readonly package: string;
  /** Empty: any. */
  readonly outcomes: readonly AdmissionOutcome[];
  /** Only those before this one. */
  readonly beforeId: bigint;
  readonly limit: number;
}

interface Row {
  readonly id: bigint;
  readonly package: string;
  readonly contractHash: string;
  readonly service: string;
  readonly serviceVersion: string;
  readonly outcome: bigint;
  readonly createTimeMs: bigint;
  readonly updateTimeMs: bigint;
  readonly count: bigint;
  readonly violations: Uint8Array;
  readonly overrideId: string;
}

/** Decisions that are kept of one package. */
const ADMISSIONS_MAX = 1_000;

const COLUMNS = `id, package, contract_hash AS contractHash, service, service_version AS serviceVersion, outcome,
  create_time_ms AS createTimeMs, update_time_ms AS updateTimeMs, count, violations, override_id AS overrideId`;

const latest = sql<{ package: string; service: string; serviceVersion: string }, Row>(
  `SELECT ${COLUMNS} FROM admissions
   WHERE package = :package AND service = :service AND service_version = :serviceVersion ORDER BY id DESC LIMIT 1`,
  { bigints: true },
);

const countUp = sql<{ id: bigint; nowMs: number; violations: Uint8Array }>(
  "UPDATE admissions SET count = count + 1, update_time_ms = :nowMs, violations = :violations WHERE id = :id",
);

const insert = sql<{
  package: string;
  contractHash: string;
  service: string;
  serviceVersion: string;
  outcome: number;
  nowMs: number;
  violations: Uint8Array;
  overrideId: string;
}>(`
  INSERT INTO admissions (package, contract_hash, service, service_version, outcome, create_time_ms, update_time_ms, count,
    violations, override_id)
  VALUES (:package, :contractHash, :service, :serviceVersion, :outcome, :nowMs, :nowMs, 1, :violations, :overrideId)`);

const dropOld = sql<{ package: string; kept: number }>(`
  DELETE FROM admissions WHERE package = :package AND id <= (
    SELECT id FROM admissions WHERE package = :package ORDER BY id DESC LIMIT 1 OFFSET :kept)`);

const all = sql<{ beforeId: bigint; limit: number }, Row>(
  `SELECT ${COLUMNS} FROM admissions WHERE id < :beforeId ORDER BY id DESC LIMIT :limit`,
  { bigints: true },
);

const ofPackage = sql<{ package: string; beforeId: bigint; limit: number }, Row>(
  `SELECT ${COLUMNS} FROM admissions WHERE package = :package AND id < :beforeId ORDER BY id DESC LIMIT :limit`,
  { bigints: true },
);

const ofOutcome = sql<{ outcome: number; beforeId: bigint; limit: number }, Row>(
  `SELECT ${COLUMNS} FROM admissions WHERE outcome = :outcome AND id < :beforeId ORDER BY id DESC LIMIT :limit`,
  { bigints: true },
);

const ofPackageAndOutcome = sql<{ package: string; outcome: number; beforeId: bigint; limit: number }, Row>(
  `SELECT ${COLUMNS} FROM admissions WHERE package = :package AND outcome = :outcome AND id < :beforeId
   ORDER BY id DESC LIMIT :limit`,
  { bigints: true },
);

/** What was decided over contracts, bounded for each package. */
export const admissionStore = () => ({
  /** Records a decision, or counts up the one that it repeats. Resolves to how often it was made in a row. */
  async record(tx: Tx, decision: Decision, nowMs: number): Promise<number> {
    const { violations, ...columns } = decision;
    const bytes = violations.length === 0 ? new Uint8Array() : encode(violations);
    const last = await tx.get(latest, {
      package: decision.package,
      service: decision.service,
      serviceVersion: decision.serviceVersion,
    });
    if (
      last?.contractHash === decision.contractHash &&
      Number(last.outcome) === decision.outcome &&
      last.overrideId === decision.overrideId
    ) {
      await tx.run(countUp, { id: last.id, nowMs, violations: bytes });
      return Number(last.count) + 1;
    }
    await tx.run(insert, { ...columns, violations: bytes, nowMs });
    await tx.run(dropOld, { package: decision.package, kept: ADMISSIONS_MAX });
    return 1;
  },
  /** Latest first. */
  async list(reader: Reader, list: AdmissionList): Promise<Admission[]> {
    const { package: packageName, outcomes, beforeId, limit } = list;
    const bounds = { beforeId, limit };
    if (outcomes.length === 0) {
      const rows =
        packageName === "" ? reader.all(all, bounds) : reader.all(ofPackage, { package: packageName, ...bounds });
      return (await rows).map(admission);
    }
    const rows: Row[] = [];
    // Each walks its own index; together they are at most as many pages as there are outcomes.
    for (const outcome of outcomes) {
      const found =
        packageName === ""
          ? reader.all(ofOutcome, { outcome, ...bounds })
          : reader.all(ofPackageAndOutcome, { package: packageName, outcome, ...bounds });
      rows.push(...(await found));
    }
    return rows
      .sort((a, b) => Number(b.id - a.id))
      .slice(0, limit)
      .map(admission);
  },
});

export type AdmissionStore = ReturnType<typeof admissionStore>;

const admission = (row: Row) =>
  create(AdmissionSchema, {
    id: row.id,
    package: row.package,
    contractHash: row.contractHash,
    serviceName: row.service,
    serviceVersion: row.serviceVersion,
    outcome: Number(row.outcome),
    createTime: timestampFromMs(Number(row.createTimeMs)),
    updateTime: timestampFromMs(Number(row.updateTimeMs)),
    count: row.count,
    violations: fromBinary(RefusedSchema, row.violations).violations,
    overrideId: row.overrideId,
  });

const encode = (violations: readonly ContractViolation[]): Uint8Array =>
  toBinary(RefusedSchema, create(RefusedSchema, { violations: [...violations] }));
