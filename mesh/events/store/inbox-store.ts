import { type Reader, sql, type Tx } from "../../store/index.ts";

/** waiting: is tried. The others are dead letters. */
export type InboxState = "waiting" | "failed" | "unknown" | "held";

/** An event that the cursor has passed and that has not taken effect. */
export interface InboxEvent {
  readonly subscriptionId: bigint;
  readonly sequence: bigint;
  readonly type: string;
  readonly key: string;
  readonly payload: Uint8Array;
  readonly createTimeMs: bigint;
  readonly traceparent: string;
  readonly state: InboxState;
  readonly attempts: bigint;
  readonly error: string;
}

/** What an inbox holds. */
export interface InboxCounts {
  readonly waiting: number;
  readonly dead: number;
  /** Milliseconds since the epoch; null when nothing waits. */
  readonly oldestWaitingMs: number | null;
  /** When the next one falls due, if it is the oldest of its key. */
  readonly nextDueMs: number | null;
}

type Id = { subscriptionId: bigint };
type Key = Id & { key: string };
type Place = Id & { sequence: bigint };

const COLUMNS = `subscription_id AS subscriptionId, sequence, type, key, payload, create_time_ms AS createTimeMs, traceparent,
  state, attempts, error`;

const any = sql<Id, { found: number }>(
  "SELECT 1 AS found FROM heddle_inbox WHERE subscription_id = :subscriptionId LIMIT 1",
);

const lastOfKey = sql<Key, { state: InboxState }>(
  `SELECT state FROM heddle_inbox INDEXED BY heddle_inbox_by_key
   WHERE subscription_id = :subscriptionId AND key = :key ORDER BY sequence DESC LIMIT 1`,
);

const insert = sql<
  Place & {
    type: string;
    key: string;
    payload: Uint8Array;
    createTimeMs: bigint;
    traceparent: string;
    state: InboxState;
    attempts: number;
    dueTimeMs: number;
    error: string;
  }
>(
  `INSERT INTO heddle_inbox (subscription_id, sequence, type, key, payload, create_time_ms, traceparent, state, attempts, due_time_ms, error)
   VALUES (:subscriptionId, :sequence, :type, :key, :payload, :createTimeMs, :traceparent, :state, :attempts, :dueTimeMs, :error)`,
);

const HEAD = `NOT EXISTS (SELECT 1 FROM heddle_inbox earlier INDEXED BY heddle_inbox_by_key
  WHERE earlier.subscription_id = inbox.subscription_id AND earlier.key = inbox.key AND earlier.sequence < inbox.sequence)`;

const due = sql<Id & { nowMs: number; limit: number }, InboxEvent>(
  `SELECT ${COLUMNS} FROM heddle_inbox inbox
   WHERE subscription_id = :subscriptionId AND state = 'waiting' AND due_time_ms <= :nowMs AND ${HEAD}
   ORDER BY sequence LIMIT :limit`,
  { bigints: true },
);

const counts = sql<Id, InboxCounts>(
  `SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state <> 'waiting') AS dead,
     min(create_time_ms) FILTER (WHERE state = 'waiting') AS oldestWaitingMs,
     min(due_time_ms) FILTER (WHERE state = 'waiting' AND ${HEAD}) AS nextDueMs
   FROM heddle_inbox inbox WHERE subscription_id = :subscriptionId`,
);

const take = sql<Place & { attempts: bigint }>(
  `DELETE FROM heddle_inbox
   WHERE subscription_id = :subscriptionId AND sequence = :sequence AND state = 'waiting' AND attempts = :attempts`,
);

const failed = sql<Place & { before: bigint; attempts: bigint; dueTimeMs: number; state: InboxState; error: string }>(
  `UPDATE heddle_inbox SET attempts = :attempts, due_time_ms = :dueTimeMs, state = :state, error = :error
   WHERE subscription_id = :subscriptionId AND sequence = :sequence AND state = 'waiting' AND attempts = :before`,
);

const holdBehind = sql<Key & { sequence: bigint }>(
  `UPDATE heddle_inbox SET state = 'held'
   WHERE subscription_id = :subscriptionId AND key = :key AND sequence > :sequence AND state = 'waiting'`,
);

const release = sql<Id>(
  `UPDATE heddle_inbox AS inbox SET state = 'waiting', due_time_ms = 0
   WHERE subscription_id = :subscriptionId AND state = 'held'
     AND NOT EXISTS (SELECT 1 FROM heddle_inbox earlier INDEXED BY heddle_inbox_by_key
       WHERE earlier.subscription_id = inbox.subscription_id AND earlier.key = inbox.key
         AND earlier.sequence < inbox.sequence AND earlier.state IN ('failed', 'unknown'))`,
);

const reviveKnown = sql<Id & { types: string }>(
  `UPDATE heddle_inbox SET state = 'waiting', attempts = 0, due_time_ms = 0
   WHERE subscription_id = :subscriptionId AND state = 'unknown' AND type IN (SELECT value FROM json_each(:types))`,
);

const orphans = sql<{ limit: number }>(
  `DELETE FROM heddle_inbox WHERE rowid IN (SELECT rowid FROM heddle_inbox
     WHERE subscription_id NOT IN (SELECT subscription_id FROM heddle_subscriptions) LIMIT :limit)`,
);

const countAfter = sql<Place, { events: number }>(
  "SELECT count(*) AS events FROM heddle_inbox WHERE subscription_id = :subscriptionId AND sequence > :sequence",
);

export const inboxInUse = async (reader: Reader, subscriptionId: bigint): Promise<boolean> =>
  (await reader.get(any, { subscriptionId })) !== undefined;

/** How the last of a key's events in the inbox waits; undefined when there is none. */
export const lastStateOfKey = async (
  reader: Reader,
  subscriptionId: bigint,
  key: string,
): Promise<InboxState | undefined> => (await reader.get(lastOfKey, { subscriptionId, key }))?.state;

export const putInInbox = async (
  tx: Tx,
  event: Pick<
    InboxEvent,
    "subscriptionId" | "sequence" | "type" | "key" | "payload" | "createTimeMs" | "traceparent" | "state"
  > & {
    readonly attempts?: number;
    readonly dueTimeMs?: number;
    readonly error?: string;
  },
): Promise<void> => {
  const { subscriptionId, sequence, type, key, payload, createTimeMs, traceparent, state } = event;
  const { attempts = 0, dueTimeMs = 0, error = "" } = event;
  await tx.run(insert, {
    subscriptionId,
    sequence,
    type,
    key,
    payload,
    createTimeMs,
    traceparent,
    state,
    attempts,
    dueTimeMs,
    error,
  });
};

/** The events that are to be tried now: the oldest of their keys, in the order of their sequence. */
export const dueInInbox = (
  reader: Reader,
  subscriptionId: bigint,
  nowMs: number,
  limit: number,
): Promise<InboxEvent[]> => reader.all(due, { subscriptionId, nowMs, limit });

export const countInbox = async (reader: Reader, subscriptionId: bigint): Promise<InboxCounts> =>
  (await reader.get(counts, { subscriptionId })) ?? { waiting: 0, dead: 0, oldestWaitingMs: null, nextDueMs: null };

/** Takes an event out, to apply it in the same transaction; false when another replica has, or somebody skipped it. */
export const takeFromInbox = async (tx: Tx, { subscriptionId, sequence, attempts }: InboxEvent): Promise<boolean> =>
  (await tx.run(take, { subscriptionId, sequence, attempts })) === 1;

/** Records that an event failed, and holds those behind it when it is a dead letter now. */
export const recordFailure = async (
  tx: Tx,
  { subscriptionId, sequence, key, attempts }: InboxEvent,
  failure: { readonly state: "waiting" | "failed" | "unknown"; readonly dueTimeMs: number; readonly error: string },
): Promise<void> => {
  const { state, dueTimeMs, error } = failure;
  const place = { subscriptionId, sequence };
  const recorded = await tx.run(failed, {
    ...place,
    before: attempts,
    attempts: attempts + 1n,
    state,
    dueTimeMs,
    error,
  });
  if (recorded === 1 && state !== "waiting") await tx.run(holdBehind, { ...place, key });
};

/** Lets those go on that are held behind nothing any more. */
export const releaseHeld = async (tx: Tx, subscriptionId: bigint): Promise<void> => {
  await tx.run(release, { subscriptionId });
};

/** Lets events be tried whose types this release knows; resolves to their number. */
export const reviveUnknown = async (tx: Tx, subscriptionId: bigint, types: readonly string[]): Promise<number> => {
  const revived = await tx.run(reviveKnown, { subscriptionId, types: JSON.stringify(types) });
  if (revived > 0) await releaseHeld(tx, subscriptionId);
  return revived;
};

/** Deletes some of what waits for subscriptions that are gone; resolves to their number. */
export const deleteOrphans = (tx: Tx, limit: number): Promise<number> => tx.run(orphans, { limit });

/** How many events beyond a sequence have not taken effect. */
export const countInboxAfter = async (reader: Reader, subscriptionId: bigint, sequence: bigint): Promise<number> =>
  (await reader.get(countAfter, { subscriptionId, sequence }))?.events ?? 0;
