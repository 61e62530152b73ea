import type { StoredEvent } from "../../store/events.ts";
import { type NoParams, type Reader, sql } from "../../store/index.ts";
import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX } from "../limits.ts";

/** What a feed knows of itself. */
export interface FeedEnds {
  /** 0n while there was no event. */
  readonly first: bigint;
  readonly last: bigint;
  readonly lastTimeMs: bigint | null;
}

/** Events that follow one another in a feed. */
export interface FeedRun {
  readonly events: readonly StoredEvent[];
  /** The sequence of the last event that was looked at, left out by the filter or not; `after` itself at the feed's end. */
  readonly last: bigint;
  /** The event there; undefined at the feed's end. */
  readonly lastEvent: StoredEvent | undefined;
}

const ends = sql<NoParams, FeedEnds>(
  `SELECT coalesce((SELECT min(sequence) FROM heddle_events), 0) AS first,
     coalesce((SELECT max(sequence) FROM heddle_events), 0) AS last,
     (SELECT create_time_ms FROM heddle_events ORDER BY sequence DESC LIMIT 1) AS lastTimeMs`,
  { bigints: true },
);

const COLUMNS = "sequence, type, key, payload, create_time_ms AS createTimeMs, traceparent";

const at = sql<{ sequence: bigint }, StoredEvent>(`SELECT ${COLUMNS} FROM heddle_events WHERE sequence = :sequence`, {
  bigints: true,
});

// How far a message's room reaches, without loading what does not fit.
const reach = sql<{ after: bigint; events: number; bytes: number }, { last: bigint | null; next: bigint | null }>(
  `SELECT max(sequence) FILTER (WHERE total <= :bytes) AS last, min(sequence) AS next
   FROM (SELECT sequence, sum(bytes) OVER (ORDER BY sequence) AS total
     FROM (SELECT sequence, length(payload) + 64 AS bytes
       FROM heddle_events WHERE sequence > :after ORDER BY sequence LIMIT :events))`,
  { bigints: true },
);

const between = sql<{ after: bigint; last: bigint }, StoredEvent>(
  `SELECT ${COLUMNS} FROM heddle_events WHERE sequence > :after AND sequence <= :last ORDER BY sequence`,
  { bigints: true },
);

const betweenOfTypes = sql<{ after: bigint; last: bigint; types: string }, StoredEvent>(
  `SELECT ${COLUMNS} FROM heddle_events
   WHERE sequence > :after AND sequence <= :last AND type IN (SELECT value FROM json_each(:types)) ORDER BY sequence`,
  { bigints: true },
);

/** Where a feed begins and ends. */
export const feedEnds = async (reader: Reader): Promise<FeedEnds> =>
  (await reader.get(ends, {})) ?? { first: 0n, last: 0n, lastTimeMs: null };

export const feedEventAt = (reader: Reader, sequence: bigint): Promise<StoredEvent | undefined> =>
  reader.get(at, { sequence });

/** The events after a sequence, as many as one message has room for; only those of `types`, where these are given. */
export const feedRun = async (
  reader: Reader,
  after: bigint,
  types: readonly string[] | undefined,
  eventsMax: number = BATCH_EVENTS_MAX,
): Promise<FeedRun> => {
  const found = await reader.get(reach, { after, events: eventsMax, bytes: BATCH_BYTES_MAX });
  // One that is larger than the room goes alone.
  const last = found?.last ?? found?.next;
  if (last === undefined || last === null) return { events: [], last: after, lastEvent: undefined };
  const events =
    types === undefined
      ? await reader.all(between, { after, last })
      : await reader.all(betweenOfTypes, { after, last, types: JSON.stringify(types) });
  const newest = events.at(-1);
  return { events, last, lastEvent: newest?.sequence === last ? newest : await feedEventAt(reader, last) };
};
