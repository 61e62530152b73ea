import type { DescMessage, Message } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Event, SubscribeResponse } from "@heddle/contracts/heddle/events/v1";
import { compileDecoder } from "../rpc/codec/decoder.ts";
import type { Consumer } from "./consumer.ts";
import type { ReceivedEvent } from "./subscription.ts";

/** One event as it came from a feed. */
export interface IncomingEvent {
  readonly event: Event;
  readonly sequence: bigint;
  /** What a handler gets; undefined where this release does not know the type or cannot read it. */
  readonly received: ReceivedEvent | undefined;
}

/** What one message of a feed brings. */
export interface IncomingRun {
  readonly events: readonly IncomingEvent[];
  /** The sequence that is reached when the events are dealt with. */
  readonly last: bigint;
  readonly fingerprint: Uint8Array;
  /** The feed's last sequence, as far as it is known. */
  readonly feedLast: bigint;
  readonly bytes: number;
}

/** Reads a message of a feed, and the events in it that the consumer knows. */
export const incomingRun = (response: SubscribeResponse, consumer: Consumer): IncomingRun | undefined => {
  const { body, fingerprint } = response;
  switch (body.case) {
    case "heartbeat":
      return { events: [], last: body.value.lastSequence, fingerprint, feedLast: body.value.lastSequence, bytes: 0 };
    case "event": {
      const { sequence } = body.value;
      return {
        events: [incomingEvent(body.value, consumer)],
        last: sequence,
        fingerprint,
        feedLast: sequence,
        bytes: sizeOf(body.value),
      };
    }
    case "batch": {
      const { events, lastSequence: last, feedLastSequence: feedLast } = body.value;
      const bytes = events.reduce((sum, event) => sum + sizeOf(event), 0);
      return { events: events.map((event) => incomingEvent(event, consumer)), last, fingerprint, feedLast, bytes };
    }
    default:
      // Something that a later release of the feed says beside the events.
      return undefined;
  }
};

/** What a handler gets of an event; undefined where this release does not know the type or cannot read it. */
export const receive = (
  { source, events }: Consumer,
  event: Pick<Event, "sequence" | "type" | "key"> & { readonly createTime: Timestamp; readonly payload: Uint8Array },
): ReceivedEvent | undefined => {
  const desc = events.get(event.type);
  if (desc === undefined) return undefined;
  const message = read(desc, event.payload);
  if (message === undefined) return undefined;
  const { sequence, key, createTime } = event;
  return { source, sequence, key, createTime, message };
};

/** When an event was made, in milliseconds since the epoch. */
export const createTimeMsOf = ({ createTime = EPOCH }: Event): number =>
  Number(createTime.seconds) * 1_000 + Math.trunc(createTime.nanos / 1_000_000);

export const payloadOf = ({ payload }: Event): Uint8Array => payload?.value ?? NOTHING;

const read = (desc: DescMessage, payload: Uint8Array): Message | undefined => {
  try {
    return compileDecoder(desc).decode(payload);
  } catch {
    return undefined;
  }
};

const EPOCH = timestampFromMs(0);
const NOTHING = new Uint8Array(0);

const incomingEvent = (event: Event, consumer: Consumer): IncomingEvent => {
  const { sequence, type, key, createTime = EPOCH } = event;
  const received = receive(consumer, { sequence, type, key, createTime, payload: payloadOf(event) });
  return { event, sequence, received };
};

const sizeOf = ({ payload, key }: Event): number => (payload?.value.length ?? 0) + key.length + 64;
