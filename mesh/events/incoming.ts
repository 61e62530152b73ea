import type { DescMessage, Message } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Event, SubscribeResponse } from "@heddle/contracts/heddle/events/v1";
import { compileDecoder } from "../rpc/codec/decoder.ts";
import type { Consumer } from "./consumer.ts";
import type { ReceivedEvent } from "./subscription.ts";

/** One event as it came from a feed. */
export interface IncomingEvent {
  readonly sequence: bigint;
  readonly type: string;
  readonly key: string;
  readonly payload: Uint8Array;
  readonly createTimeMs: bigint;
  readonly traceparent: string;
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
  consumer: Consumer,
  event: Pick<IncomingEvent, "sequence" | "type" | "key" | "payload" | "createTimeMs">,
): ReceivedEvent | undefined => {
  const desc = consumer.events.get(event.type);
  if (desc === undefined) return undefined;
  const message = read(desc, event.payload);
  if (message === undefined) return undefined;
  const { sequence, key, createTimeMs } = event;
  return { source: consumer.source, sequence, key, createTime: timestampFromMs(Number(createTimeMs)), message };
};

const read = (desc: DescMessage, payload: Uint8Array): Message | undefined => {
  try {
    return compileDecoder(desc).decode(payload);
  } catch {
    return undefined;
  }
};

const NOTHING = new Uint8Array(0);

const incomingEvent = (event: Event, consumer: Consumer): IncomingEvent => {
  const { sequence, type, key, createTime, payload, traceparent } = event;
  const createTimeMs = (createTime?.seconds ?? 0n) * 1_000n + BigInt(Math.trunc((createTime?.nanos ?? 0) / 1_000_000));
  const bytes = payload?.value ?? NOTHING;
  const read = { sequence, type, key, payload: bytes, createTimeMs, traceparent };
  return { ...read, received: receive(consumer, read) };
};

const sizeOf = ({ payload, key }: Event): number => (payload?.value.length ?? 0) + key.length + 64;
