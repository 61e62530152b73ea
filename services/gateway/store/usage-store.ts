import type { ConsumerKind } from "@heddle/contracts/heddle/usage/v1";
import { type NoParams, type Reader, sql, type Tx } from "@heddle/mesh/store";
import type { CallerRow, FieldFilter, FieldRow, MethodFilter, MethodRow, UsageRow } from "../usage/usage-rows.ts";

type Consumer = { kind: number; name: string; version: string };
type Use = Consumer & { method: string; day: number };

/** The consumer of a row that is written, which was put into `consumers` just before. */
const CONSUMER_ID = "(SELECT id FROM consumers WHERE kind = :kind AND name = :name AND version = :version)";

const seeConsumer = sql<Consumer & { day: number }>(`
  INSERT INTO consumers (kind, name, version, last_day) VALUES (:kind, :name, :version, :day)
  ON CONFLICT (kind, name, version) DO UPDATE SET last_day = max(last_day, excluded.last_day)`);

const addCalls = sql<Use & { calls: number; refused: number; samples: number; timeMs: number }>(`
  INSERT INTO method_usage (method, consumer_id, day, calls, refused, samples, first_time_ms, last_time_ms)
  VALUES (:method, ${CONSUMER_ID}, :day, :calls, :refused, :samples, :timeMs, :timeMs)
  ON CONFLICT (method, consumer_id, day) DO UPDATE SET calls = calls + excluded.calls, refused = refused + excluded.refused,
    samples = samples + excluded.samples, last_time_ms = excluded.last_time_ms`);

const addRefusals = sql<Use & { reason: string; calls: number }>(`
  INSERT INTO refusals (method, consumer_id, day, reason, calls) VALUES (:method, ${CONSUMER_ID}, :day, :reason, :calls)
  ON CONFLICT (method, consumer_id, day, reason) DO UPDATE SET calls = calls + excluded.calls`);

const addField = sql<Use & { message: string; number: number; samples: number; timeMs: number }>(`
  INSERT INTO field_usage (message, number, method, consumer_id, day, samples, last_time_ms)
  VALUES (:message, :number, :method, ${CONSUMER_ID}, :day, :samples, :timeMs)
  ON CONFLICT (message, number, method, consumer_id, day) DO UPDATE SET samples = samples + excluded.samples,
    last_time_ms = excluded.last_time_ms`);

const setReport = sql<{ instanceId: string; sequence: number; day: number }>(`
  INSERT INTO usage_reports (instance_id, sequence, day) VALUES (:instanceId, :sequence, :day)
  ON CONFLICT (instance_id) DO UPDATE SET sequence = excluded.sequence, day = excluded.day`);
const lastReport = sql<{ instanceId: string }, { sequence: number }>(
  "SELECT sequence FROM usage_reports WHERE instance_id = :instanceId",
);

const purges = [
  sql<{ before: number }>("DELETE FROM method_usage WHERE day < :before"),
  sql<{ before: number }>("DELETE FROM refusals WHERE day < :before"),
  sql<{ before: number }>("DELETE FROM field_usage WHERE day < :before"),
  // Last: no row names them any more.
  sql<{ before: number }>("DELETE FROM consumers WHERE last_day < :before"),
  sql<{ before: number }>("DELETE FROM usage_reports WHERE day < :before"),
];

const knownConsumers = sql<NoParams, Consumer>("SELECT kind, name, version FROM consumers");
const knownDeprecations = sql<NoParams, { element: string; time_ms: number }>(
  "SELECT element, time_ms FROM deprecations",
);
const addDeprecation = sql<{ element: string; timeMs: number }>(
  "INSERT INTO deprecations (element, time_ms) VALUES (:element, :timeMs) ON CONFLICT (element) DO NOTHING",
);

type MethodParams = {
  from: string;
  to: string;
  package: string;
  consumer: string;
  sinceDay: number;
  afterMethod: string;
  afterConsumer: number;
  limit: number;
};
type MethodDbRow = Consumer & {
  method: string;
  consumer_id: number;
  calls: number;
  refused: number;
  samples: number;
  first_time_ms: number;
  last_time_ms: number;
};

// In the order of the key, and not by the day's index, so that a page reads its own rows alone. A package is all that has its name
// and no further dot.
const listMethods = sql<MethodParams, MethodDbRow>(`
  SELECT method, consumer_id, kind, name, version, sum(calls) AS calls, sum(refused) AS refused, sum(samples) AS samples,
    min(first_time_ms) AS first_time_ms, max(last_time_ms) AS last_time_ms
  FROM method_usage CROSS JOIN consumers ON id = consumer_id
  WHERE method BETWEEN :from AND :to AND (method, consumer_id) > (:afterMethod, :afterConsumer) AND +day >= :sinceDay
    AND (:consumer = '' OR name = :consumer)
    AND (:package = '' OR instr(substr(method, length(:package) + 2), '.') = 0)
  GROUP BY method, consumer_id ORDER BY method, consumer_id LIMIT :limit`);

const listRefusals = sql<{ method: string; consumerId: number; sinceDay: number }, { reason: string; calls: number }>(`
  SELECT reason, sum(calls) AS calls FROM refusals
  WHERE method = :method AND consumer_id = :consumerId AND day >= :sinceDay GROUP BY reason ORDER BY 2 DESC, 1 LIMIT 17`);

type FieldParams = {
  fromMessage: string;
  toMessage: string;
  number: number;
  method: string;
  consumer: string;
  sinceDay: number;
  afterMessage: string;
  afterNumber: number;
  afterMethod: string;
  afterConsumer: number;
  limit: number;
};
type FieldDbRow = Consumer & {
  message: string;
  number: number;
  method: string;
  consumer_id: number;
  samples: number;
  all_samples: number;
  last_time_ms: number;
};

const listFields = sql<FieldParams, FieldDbRow>(`
  SELECT message, number, method, consumer_id, kind, name, version, sum(samples) AS samples, max(last_time_ms) AS last_time_ms,
    (SELECT sum(looked.samples) FROM method_usage AS looked WHERE looked.method = used.method
      AND looked.consumer_id = used.consumer_id AND looked.day >= :sinceDay) AS all_samples
  FROM field_usage AS used CROSS JOIN consumers ON id = consumer_id
  WHERE message BETWEEN :fromMessage AND :toMessage
    AND (message, number, method, consumer_id) > (:afterMessage, :afterNumber, :afterMethod, :afterConsumer)
    AND +day >= :sinceDay AND (:number = 0 OR number = :number) AND (:method = '' OR method = :method)
    AND (:consumer = '' OR name = :consumer)
  GROUP BY message, number, method, consumer_id ORDER BY message, number, method, consumer_id LIMIT :limit`);

type CallerParams = { method: string; message: string; number: number; sinceDay: number };
type CallerDbRow = Consumer & {
  calls: number;
  samples: number;
  last_time_ms: number;
  samples_with_field: number;
  field_time_ms: number | null;
};

const listCallers = sql<CallerParams, CallerDbRow>(`
  SELECT kind, name, version, sum(calls) AS calls, sum(samples) AS samples, max(last_time_ms) AS last_time_ms,
    (SELECT coalesce(sum(field.samples), 0) FROM field_usage AS field WHERE message = :message AND number = :number
      AND field.method = :method AND field.consumer_id = used.consumer_id AND field.day >= :sinceDay) AS samples_with_field,
    (SELECT max(field.last_time_ms) FROM field_usage AS field WHERE message = :message AND number = :number
      AND field.method = :method AND field.consumer_id = used.consumer_id AND field.day >= :sinceDay) AS field_time_ms
  FROM method_usage AS used CROSS JOIN consumers ON id = consumer_id
  WHERE used.method = :method AND used.day >= :sinceDay
  GROUP BY consumer_id HAVING sum(calls) > 0`);

/** What was used, as rows and back. */
export const usageStore = () => ({
  /** Adds what was counted to what was counted before. */
  async add(tx: Tx, rows: readonly UsageRow[]): Promise<void> {
    for (const { consumer, method, day, timeMs, calls, samples, refusals, fields } of rows) {
      const { kind, name, version } = consumer;
      const use = { kind, name, version, method, day };
      const refused = refusals.reduce((sum, { calls: times }) => sum + times, 0);
      await tx.run(seeConsumer, { kind, name, version, day });
      await tx.run(addCalls, { ...use, calls, refused, samples, timeMs });
      for (const refusal of refusals) await tx.run(addRefusals, { ...use, ...refusal });
      for (const field of fields) await tx.run(addField, { ...use, ...field, timeMs });
    }
  },
  /** Notes that a report is counted; false when it was before. */
  async takeReport(tx: Tx, report: { instanceId: string; sequence: number; day: number }): Promise<boolean> {
    const last = await tx.get(lastReport, { instanceId: report.instanceId });
    if (last !== undefined && last.sequence >= report.sequence) return false;
    await tx.run(setReport, report);
    return true;
  },
  /** Forgets what was counted before a day. */
  async purge(tx: Tx, before: number): Promise<void> {
    for (const purge of purges) await tx.run(purge, { before });
  },
  consumers: (reader: Reader) => reader.all(knownConsumers, {}),
  deprecations: async (reader: Reader): Promise<Map<string, number>> =>
    new Map((await reader.all(knownDeprecations, {})).map(({ element, time_ms }) => [element, time_ms])),
  async addDeprecations(tx: Tx, elements: ReadonlyMap<string, number>): Promise<void> {
    for (const [element, timeMs] of elements) await tx.run(addDeprecation, { element, timeMs });
  },
  async listMethods(reader: Reader, filter: MethodFilter): Promise<MethodRow[]> {
    const { scope, consumer, sinceDay, after, limit } = filter;
    const rows = await reader.all(listMethods, {
      // Where the page begins, so that those before are not read again.
      from: latest(scope.from, after?.method),
      to: scope.to,
      package: scope.package,
      consumer,
      sinceDay,
      afterMethod: after?.method ?? "",
      afterConsumer: after?.consumerId ?? 0,
      limit,
    });
    const withRefusals = async (row: MethodDbRow): Promise<MethodRow> => ({
      method: row.method,
      consumerId: row.consumer_id,
      consumer: consumerOf(row),
      calls: row.calls,
      refused: row.refused,
      samples: row.samples,
      firstTimeMs: row.first_time_ms,
      lastTimeMs: row.last_time_ms,
      refusals:
        row.refused === 0
          ? []
          : await reader.all(listRefusals, { method: row.method, consumerId: row.consumer_id, sinceDay }),
    });
    const found: MethodRow[] = [];
    for (const row of rows) found.push(await withRefusals(row));
    return found;
  },
  async listFields(reader: Reader, filter: FieldFilter): Promise<FieldRow[]> {
    const { message, number, method, consumer, sinceDay, after, limit } = filter;
    const rows = await reader.all(listFields, {
      fromMessage: latest(message, after?.message),
      toMessage: message === "" ? LAST_TEXT : message,
      number,
      method,
      consumer,
      sinceDay,
      afterMessage: after?.message ?? "",
      afterNumber: after?.number ?? 0,
      afterMethod: after?.method ?? "",
      afterConsumer: after?.consumerId ?? 0,
      limit,
    });
    return rows.map((row) => ({
      message: row.message,
      number: row.number,
      method: row.method,
      consumerId: row.consumer_id,
      consumer: consumerOf(row),
      samples: row.all_samples,
      samplesWithField: row.samples,
      lastTimeMs: row.last_time_ms,
    }));
  },
  /** Who called a method; with a field, also how many of their requests set it. */
  async listCallers(
    reader: Reader,
    method: string,
    field: { readonly message: string; readonly number: number } | undefined,
    sinceDay: number,
  ): Promise<CallerRow[]> {
    const { message = "", number = 0 } = field ?? {};
    const rows = await reader.all(listCallers, { method, message, number, sinceDay });
    return rows.map((row) => ({
      consumer: consumerOf(row),
      calls: row.calls,
      samples: row.samples,
      samplesWithField: row.samples_with_field,
      lastTimeMs: row.last_time_ms,
      fieldTimeMs: row.field_time_ms ?? undefined,
    }));
  },
});

export type UsageStore = ReturnType<typeof usageStore>;

const consumerOf = ({ kind, name, version }: Consumer) => ({ kind: kind as ConsumerKind, name, version });

const latest = (from: string, after = ""): string => (after > from ? after : from);

/** Sorts behind every name. */
const LAST_TEXT = "\u{10ffff}";
