import { type Reader, sql, type Tx } from "../store/index.ts";
import type { SagaFailure } from "./define-saga.ts";
import { type SagaRecord, type SagaStatus, type StepRecord, statusOf } from "./saga-record.ts";

type Row = {
  id: string;
  name: string;
  version: number;
  key: string;
  status: string;
  direction: string;
  state: string;
  steps: string;
  failure: string | null;
  traceparent: string;
  deadline_ms: number;
  due_time_ms: number | null;
  create_time_ms: number;
  update_time_ms: number;
  end_time_ms: number | null;
  revision: number;
  runner: string;
};

/** Which sagas a list asks for; latest first. */
export interface SagaList {
  /** Empty: any. */
  readonly name: string;
  /** Empty: any. */
  readonly key: string;
  /** Empty: any. */
  readonly statuses: readonly SagaStatus[];
  /** Only those before this one; undefined: from the latest on. */
  readonly beforeId: string | undefined;
  readonly limit: number;
}

const insertRow = sql<Row>(`
  INSERT INTO heddle_sagas (id, name, version, key, status, direction, state, steps, failure, traceparent, deadline_ms, due_time_ms,
    create_time_ms, update_time_ms, end_time_ms, revision, runner)
  VALUES (:id, :name, :version, :key, :status, :direction, :state, :steps, :failure, :traceparent, :deadline_ms, :due_time_ms,
    :create_time_ms, :update_time_ms, :end_time_ms, :revision, :runner)`);

const updateRow = sql<
  Pick<
    Row,
    | "id"
    | "status"
    | "direction"
    | "state"
    | "steps"
    | "failure"
    | "due_time_ms"
    | "update_time_ms"
    | "end_time_ms"
    | "revision"
    | "runner"
  >
>(`
  UPDATE heddle_sagas SET status = :status, direction = :direction, state = :state, steps = :steps, failure = :failure,
    due_time_ms = :due_time_ms, update_time_ms = :update_time_ms, end_time_ms = :end_time_ms, runner = :runner,
    revision = :revision + 1
  WHERE id = :id AND revision = :revision`);

const byId = sql<{ id: string }, Row>("SELECT * FROM heddle_sagas WHERE id = :id");

const revisionOf = sql<{ id: string }, { revision: number }>("SELECT revision FROM heddle_sagas WHERE id = :id");

const liveOf = sql<{ name: string; key: string }, Row>(
  "SELECT * FROM heddle_sagas WHERE name = :name AND key = :key AND end_time_ms IS NULL",
);

const due = sql<{ nowMs: number; limit: number }, { id: string }>(
  "SELECT id FROM heddle_sagas WHERE due_time_ms <= :nowMs ORDER BY due_time_ms LIMIT :limit",
);

// A saga has a runner only while it is under way, and those are few.
const releaseRunner = sql<{ runner: string; nowMs: number }>(`
  UPDATE heddle_sagas INDEXED BY heddle_sagas_live SET due_time_ms = :nowMs, runner = '', revision = revision + 1
  WHERE end_time_ms IS NULL AND runner = :runner AND due_time_ms IS NOT NULL`);

const whichExist = sql<{ ids: string }, { id: string }>(
  "SELECT id FROM heddle_sagas WHERE id IN (SELECT value FROM json_each(:ids))",
);

// By the primary key, which sorts by creation: an index on the end would be one more to write for each saga.
const oldest = sql<{ after: string; limit: number }, { id: string; createMs: number; endMs: number | null }>(`
  SELECT id, create_time_ms AS createMs, end_time_ms AS endMs FROM heddle_sagas WHERE id > :after ORDER BY id LIMIT :limit`);

const deleteEnded = sql<{ ids: string }>(
  "DELETE FROM heddle_sagas WHERE id IN (SELECT value FROM json_each(:ids)) AND end_time_ms IS NOT NULL",
);

const liveVersions = sql<Record<string, never>, { name: string; version: number; sagas: number }>(`
  SELECT name, version, count(*) AS sagas FROM heddle_sagas INDEXED BY heddle_sagas_live
  WHERE end_time_ms IS NULL GROUP BY name, version ORDER BY name, version`);

// One statement per shape of list, so that each has an index that fits.
const all = sql<{ before: string; limit: number }, Row>(
  "SELECT * FROM heddle_sagas WHERE id < :before ORDER BY id DESC LIMIT :limit",
);
const named = sql<{ name: string; before: string; limit: number }, Row>(`
  SELECT * FROM heddle_sagas INDEXED BY heddle_sagas_by_name
  WHERE name = :name AND id < :before ORDER BY id DESC LIMIT :limit`);
// Most are completed: those of a page are never far apart.
const completed = sql<{ before: string; limit: number }, Row>(
  "SELECT * FROM heddle_sagas WHERE status = 'completed' AND id < :before ORDER BY id DESC LIMIT :limit",
);
const completedNamed = sql<{ name: string; before: string; limit: number }, Row>(`
  SELECT * FROM heddle_sagas INDEXED BY heddle_sagas_by_name
  WHERE name = :name AND status = 'completed' AND id < :before ORDER BY id DESC LIMIT :limit`);
// All others are few.
const odd = sql<{ status: string; name: string; before: string; limit: number }, Row>(`
  SELECT * FROM heddle_sagas INDEXED BY heddle_sagas_odd
  WHERE status = :status AND status <> 'completed' AND id < :before AND (:name = '' OR name = :name)
  ORDER BY id DESC LIMIT :limit`);
const aboutKey = sql<{ key: string; name: string; statuses: string; before: string; limit: number }, Row>(`
  SELECT * FROM heddle_sagas INDEXED BY heddle_sagas_by_key
  WHERE key = :key AND id < :before AND (:name = '' OR name = :name)
    AND (:statuses = '[]' OR status IN (SELECT value FROM json_each(:statuses)))
  ORDER BY id DESC LIMIT :limit`);

/** Sorts after every id. */
const AFTER_ALL = "~";

/** Somebody else has changed the saga since it was read. */
export class StaleSaga extends Error {
  constructor(id: string) {
    super(`Saga ${id} was changed by another runner.`);
    this.name = "StaleSaga";
  }
}

/** The sagas, as rows and back. */
export const sagaStore = {
  insert: (tx: Tx, saga: SagaRecord): Promise<number> => tx.run(insertRow, toRow(saga)),
  /**
   * Writes what has changed, and returns the saga as it is written. `dueMs`: when another process may take it up; `runner`: the instance
   * that runs it until then, "" for none. Throws StaleSaga.
   */
  async update(tx: Tx, saga: SagaRecord, dueMs: number = saga.dueMs, runner = ""): Promise<SagaRecord> {
    const row = toRow({ ...saga, dueMs, runner });
    const { id, status, direction, state, steps, failure, due_time_ms, update_time_ms, end_time_ms, revision } = row;
    const change = { id, status, direction, state, steps, failure, due_time_ms, update_time_ms, end_time_ms, revision };
    if ((await tx.run(updateRow, { ...change, runner: row.runner })) === 0) throw new StaleSaga(id);
    return { ...saga, runner: row.runner, revision: revision + 1, saved: true };
  },
  /** What an instance ran that is gone is due at once, and nothing that it may still write of it is taken. */
  async releaseRunner(tx: Tx, runner: string, nowMs: number): Promise<void> {
    await tx.run(releaseRunner, { runner, nowMs });
  },
  /** Throws StaleSaga unless the saga is what its row says. */
  async assertCurrent(tx: Tx, { id, revision }: SagaRecord): Promise<void> {
    if ((await tx.get(revisionOf, { id }))?.revision !== revision) throw new StaleSaga(id);
  },
  async find(reader: Reader, id: string): Promise<SagaRecord | undefined> {
    const row = await reader.get(byId, { id });
    return row && toSaga(row);
  },
  /** The one of a name that is under way for a key. */
  async findLive(reader: Reader, name: string, key: string): Promise<SagaRecord | undefined> {
    const row = await reader.get(liveOf, { name, key });
    return row && toSaga(row);
  },
  /** Longest due first. */
  async listDue(reader: Reader, nowMs: number, limit: number): Promise<string[]> {
    return (await reader.all(due, { nowMs, limit })).map(({ id }) => id);
  },
  /** Those of some ids that are written. */
  async listExisting(reader: Reader, ids: readonly string[]): Promise<string[]> {
    return (await reader.all(whichExist, { ids: JSON.stringify(ids) })).map(({ id }) => id);
  },
  /** From the first created on. */
  listOldest: (reader: Reader, after: string, limit: number) => reader.all(oldest, { after, limit }),
  /** Deletes those of some ids that have ended; resolves to their number. */
  deleteEnded: (tx: Tx, ids: readonly string[]): Promise<number> => tx.run(deleteEnded, { ids: JSON.stringify(ids) }),
  /** How many are under way, by name and version. */
  liveVersions: (reader: Reader) => reader.all(liveVersions, {}),
  /** Latest first. */
  async list(reader: Reader, { name, key, statuses, beforeId, limit }: SagaList): Promise<SagaRecord[]> {
    const page = { before: beforeId ?? AFTER_ALL, limit };
    if (key !== "") {
      return (await reader.all(aboutKey, { key, name, statuses: JSON.stringify(statuses), ...page })).map(toSaga);
    }
    if (statuses.length === 0)
      return (await (name === "" ? reader.all(all, page) : reader.all(named, { name, ...page }))).map(toSaga);
    const rows: Row[] = [];
    for (const status of statuses) {
      if (status !== "completed") rows.push(...(await reader.all(odd, { status, name, ...page })));
      else if (name === "") rows.push(...(await reader.all(completed, page)));
      else rows.push(...(await reader.all(completedNamed, { name, ...page })));
    }
    return rows
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit)
      .map(toSaga);
  },
};

const toRow = (saga: SagaRecord): Row => {
  const status = statusOf(saga);
  const rests = status === "completed" || status === "compensated" || status === "parked";
  return {
    id: saga.id,
    name: saga.name,
    version: saga.version,
    key: saga.key,
    status,
    direction: saga.direction,
    state: JSON.stringify(saga.state),
    steps: JSON.stringify(saga.steps),
    failure: saga.failure === undefined ? null : JSON.stringify(saga.failure),
    traceparent: saga.traceparent,
    deadline_ms: saga.deadlineMs,
    due_time_ms: rests ? null : saga.dueMs,
    create_time_ms: saga.createMs,
    update_time_ms: saga.updateMs,
    end_time_ms: saga.endMs ?? null,
    revision: saga.revision,
    runner: rests ? "" : saga.runner,
  };
};

const toSaga = (row: Row): SagaRecord => ({
  id: row.id,
  name: row.name,
  version: row.version,
  key: row.key,
  state: JSON.parse(row.state) as object,
  steps: JSON.parse(row.steps) as StepRecord[],
  direction: row.direction as SagaRecord["direction"],
  parked: row.status === "parked",
  failure: row.failure === null ? undefined : (JSON.parse(row.failure) as SagaFailure),
  traceparent: row.traceparent,
  deadlineMs: row.deadline_ms,
  dueMs: row.due_time_ms ?? row.update_time_ms,
  createMs: row.create_time_ms,
  updateMs: row.update_time_ms,
  endMs: row.end_time_ms ?? undefined,
  runner: row.runner,
  revision: row.revision,
  saved: true,
  resumed: true,
});
