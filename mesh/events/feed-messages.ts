import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Event, SubscribeResponse } from "@heddle/contracts/heddle/events/v1";
import type { StoredEvent } from "../store/events.ts";
import type { FeedRun } from "./store/feed-store.ts";

// Messages are written out here, and not made by protobuf-es's create, which costs more than all the rest of sending an event.

/** One message with one event. */
export const eventResponse = (event: StoredEvent, fingerprint: Uint8Array): SubscribeResponse => ({
  $typeName: "heddle.events.v1.SubscribeResponse",
  body: { case: "event", value: eventMessage(event) },
  fingerprint,
});

/** One message with the events of a run. `feedLast`: the feed's last sequence, as far as it is known. */
export const batchResponse = (run: FeedRun, fingerprint: Uint8Array, feedLast: bigint): SubscribeResponse => ({
  $typeName: "heddle.events.v1.SubscribeResponse",
  body: {
    case: "batch",
    value: {
      $typeName: "heddle.events.v1.EventBatch",
      events: run.events.map(eventMessage),
      lastSequence: run.last,
      feedLastSequence: feedLast > run.last ? feedLast : run.last,
    },
  },
  fingerprint,
});

/** Says that all was sent. */
export const heartbeatResponse = (
  lastSequence: bigint,
  lastTimeMs: bigint | undefined,
  fingerprint: Uint8Array,
): SubscribeResponse => {
  const lastEventTime = lastTimeMs === undefined ? undefined : timestampFromMs(Number(lastTimeMs));
  return {
    $typeName: "heddle.events.v1.SubscribeResponse",
    body: {
      case: "heartbeat",
      value: { $typeName: "heddle.events.v1.FeedHeartbeat", lastSequence, ...(lastEventTime && { lastEventTime }) },
    },
    fingerprint,
  };
};

const eventMessage = (event: StoredEvent): Event => ({
  $typeName: "heddle.events.v1.Event",
  sequence: event.sequence,
  key: event.key,
  type: event.type,
  createTime: timestampOf(event.createTimeMs),
  payload: {
    $typeName: "google.protobuf.Any",
    typeUrl: `type.googleapis.com/${event.type}`,
    value: event.payload,
  },
  traceparent: event.traceparent ?? "",
});

const timestampOf = (ms: bigint): Timestamp => {
  const whole = Number(ms);
  const rest = whole % 1_000;
  return {
    $typeName: "google.protobuf.Timestamp",
    seconds: BigInt((whole - rest) / 1_000),
    nanos: rest * 1_000_000,
  };
};
