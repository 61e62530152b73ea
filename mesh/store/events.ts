import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { fail } from "../contract/fail.ts";
import { currentCall } from "../rpc/call.ts";
import type { Connection } from "./connection.ts";
import { EVENT_TOO_LARGE } from "./errors.ts";
import { eventKey } from "./event-key.ts";
import { EVENT_PAYLOAD_BYTES_MAX, EVENTS_READ_MAX } from "./limits.ts";
import { type NoParams, sql } from "./statement.ts";
import type { Reader } from "./store.ts";

/** One event of a service's feed, as it is kept. */
export interface StoredEvent {
  /** Position in the feed, in the order of commits: starts at 1, without gaps. */
  readonly sequence: bigint;
  /** The full name of its message, `customer.v1.CustomerCreated`. */
  readonly type: string;
  /** Events with the same key are to be applied in order. */
  readonly key: string;
  /** The message in protobuf's binary form. */
  readonly payload: Uint8Array;
  /** Milliseconds since the Unix epoch. */
  readonly createTimeMs: bigint;
  /** W3C trace context of the call that published it. */
  readonly traceparent: string | null;
}

const insertEvent = sql<{ type: string; key: string; payload: Uint8Array; nowMs: number; traceparent: string | null }>(
  `INSERT INTO heddle_events (type, key, payload, create_time_ms, traceparent)
   VALUES (:type, :key, :payload, :nowMs, :traceparent)`,
);

const selectEvents = sql<{ after: bigint; limit: number }, StoredEvent>(
  `SELECT sequence, type, key, payload, create_time_ms AS createTimeMs, traceparent
   FROM heddle_events WHERE sequence > :after ORDER BY sequence LIMIT :limit`,
  { bigints: true },
);

const selectLast = sql<NoParams, { last: bigint }>("SELECT coalesce(max(sequence), 0) AS last FROM heddle_events", {
  bigints: true,
});

/** Appends an event in the transaction that is open. Throws when the contract declares the message to be no event. */
export const appendEvent = <E extends DescMessage>(
  connection: Connection,
  event: E,
  init: MessageInitShape<E>,
  nowMs: number,
): void => {
  const message = create(event, init);
  const payload = toBinary(event, message);
  const type = event.typeName;
  if (payload.byteLength > EVENT_PAYLOAD_BYTES_MAX) {
    throw fail(EVENT_TOO_LARGE, { type, bytes: payload.byteLength, bytesMax: EVENT_PAYLOAD_BYTES_MAX });
  }
  const traceparent = currentCall()?.traceparent ?? null;
  connection.run(insertEvent, { type, key: eventKey(event, message), payload, nowMs, traceparent });
};

/** The events after a position in the feed, in order; at most `limit`, and never more than EVENTS_READ_MAX. */
export const eventsAfter = (reader: Reader, after: bigint, limit: number = EVENTS_READ_MAX): Promise<StoredEvent[]> =>
  reader.all(selectEvents, { after, limit: Math.min(limit, EVENTS_READ_MAX) });

/** The sequence of the newest event in the feed, 0 where it holds none. */
export const lastEventSequence = async (reader: Reader): Promise<bigint> =>
  (await reader.get(selectLast, {}))?.last ?? 0n;
