import { type Reader, sql, type Tx } from "../../store/index.ts";
import type { InboxEvent } from "./inbox-store.ts";
import { releaseHeld } from "./inbox-store.ts";

/** Which dead letters are meant; "" and 0n keep all. */
export interface DeadLetterFilter {
  readonly source: string;
  readonly view: string;
  readonly key: string;
  readonly sequence: bigint;
}

/** A dead letter, with whose it is. */
export interface DeadLetterRow extends InboxEvent {
  readonly source: string;
  readonly view: string;
  readonly generation: bigint;
}

type Filter = { source: string; view: string; key: string; sequence: bigint };

const FROM = "FROM heddle_inbox inbox JOIN heddle_subscriptions USING (subscription_id)";
const OF_FILTER = `(:source = '' OR source = :source) AND (:view = '' OR view = :view) AND (:key = '' OR key = :key)
  AND (:sequence = 0 OR inbox.sequence = :sequence)`;
const COLUMNS = `subscription_id AS subscriptionId, inbox.sequence AS sequence, type, key, payload, create_time_ms AS createTimeMs,
  traceparent, state, attempts, error, source, view, generation`;

const page = sql<
  { source: string; view: string; key: string; afterId: bigint; afterSequence: bigint; limit: number },
  DeadLetterRow
>(
  `SELECT ${COLUMNS} ${FROM}
   WHERE (subscription_id, inbox.sequence) > (:afterId, :afterSequence) AND state <> 'waiting'
     AND (:source = '' OR source = :source) AND (:view = '' OR view = :view) AND (:key = '' OR key = :key)
   ORDER BY subscription_id, inbox.sequence LIMIT :limit`,
  { bigints: true },
);

const subscriptionsOf = sql<Filter, { subscriptionId: bigint }>(
  `SELECT DISTINCT subscription_id AS subscriptionId ${FROM} WHERE ${OF_FILTER}`,
  { bigints: true },
);

const replay = sql<Filter>(
  `UPDATE heddle_inbox SET state = 'waiting', attempts = 0, due_time_ms = 0
   WHERE state <> 'waiting' AND (subscription_id, key) IN (SELECT subscription_id, key ${FROM} WHERE state <> 'waiting' AND ${OF_FILTER})`,
);

// One that is tried again and again may be given up as well where it is named; one that was never tried, only with its key. Whoever
// gives up all dead letters does not mean those that wait for a service to come back.
const SKIPPABLE = "(state <> 'waiting' OR (attempts > 0 AND :sequence <> 0) OR :key <> '')";

const recordSkips = sql<Filter & { nowMs: number; reason: string; limit: number }>(
  `INSERT INTO heddle_event_decisions (decide_time_ms, action, view, generation, source, sequence, key, type, error, reason)
   SELECT :nowMs, 'skip', view, generation, source, inbox.sequence, key, type, error, :reason ${FROM}
   WHERE ${OF_FILTER} AND ${SKIPPABLE} ORDER BY subscription_id, inbox.sequence LIMIT :limit`,
);

const deleteSkipped = sql<Filter & { limit: number }>(
  `DELETE FROM heddle_inbox WHERE rowid IN (SELECT inbox.rowid ${FROM}
     WHERE ${OF_FILTER} AND ${SKIPPABLE} ORDER BY subscription_id, inbox.sequence LIMIT :limit)`,
);

const recordResume = sql<{
  nowMs: number;
  view: string;
  generation: number;
  source: string;
  sequence: bigint;
  reason: string;
}>(
  `INSERT INTO heddle_event_decisions (decide_time_ms, action, view, generation, source, sequence, key, type, error, reason)
   VALUES (:nowMs, 'resume', :view, :generation, :source, :sequence, '', '', '', :reason)`,
);

/** Dead letters in the order of their subscriptions and sequences. */
export const listDeadLetters = (
  reader: Reader,
  { source, view, key }: Omit<DeadLetterFilter, "sequence">,
  after: { readonly subscriptionId: bigint; readonly sequence: bigint },
  limit: number,
): Promise<DeadLetterRow[]> =>
  reader.all(page, { source, view, key, afterId: after.subscriptionId, afterSequence: after.sequence, limit });

/** Lets dead letters be tried again, with all of their keys; resolves to their number. */
export const replayDeadLetters = (tx: Tx, { source, view, key, sequence }: DeadLetterFilter): Promise<number> =>
  tx.run(replay, { source, view, key, sequence });

/**
 * Gives at most `limit` dead letters up, on the record, and once no more are left lets those go on that they held, which may be meant
 * themselves until then; resolves to their number.
 */
export const skipDeadLetters = async (
  tx: Tx,
  { source, view, key, sequence }: DeadLetterFilter,
  decision: { readonly nowMs: number; readonly reason: string; readonly limit: number },
): Promise<number> => {
  const filter = { source, view, key, sequence };
  const affected = await tx.all(subscriptionsOf, filter);
  await tx.run(recordSkips, { ...filter, ...decision });
  const skipped = await tx.run(deleteSkipped, { ...filter, limit: decision.limit });
  if (skipped < decision.limit) for (const { subscriptionId } of affected) await releaseHeld(tx, subscriptionId);
  return skipped;
};

/** Puts on the record that a subscription goes on after a sequence. */
export const recordResumption = async (
  tx: Tx,
  decision: {
    readonly nowMs: number;
    readonly view: string;
    readonly generation: number;
    readonly source: string;
    readonly sequence: bigint;
    readonly reason: string;
  },
): Promise<void> => {
  await tx.run(recordResume, decision);
};
