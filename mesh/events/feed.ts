import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  EventFeedService,
  type FeedSubscriberSchema,
  type GetFeedStatusResponseSchema,
  type SubscribeRequest,
  type SubscribeResponse,
} from "@heddle/contracts/heddle/events/v1";
import { fail } from "../contract/fail.ts";
import type { Logger } from "../observe/index.ts";
import { type Implementation, implementation } from "../rpc/index.ts";
import type { Clock, Runtime } from "../runtime/index.ts";
import type { StoredEvent } from "../store/events.ts";
import type { Store } from "../store/store.ts";
import { FEED_DIVERGED, FEED_STOPPING, SEQUENCE_TRIMMED, SEQUENCE_UNKNOWN, SUBSCRIBERS_TOO_MANY } from "./errors.ts";
import { batchResponse, eventResponse, heartbeatResponse } from "./feed-messages.ts";
import { FeedTail } from "./feed-tail.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { BATCH_BYTES_MAX, BATCH_EVENTS_MAX, HEARTBEAT_MS, SUBSCRIBERS_MAX } from "./limits.ts";
import { type FeedRun, feedEnds, feedEventAt, feedRun } from "./store/feed-store.ts";

/** The events of one service, for others. */
export interface EventFeed {
  readonly implementation: Implementation;
  /** Ends every stream with UNAVAILABLE, so that subscribers go to another instance, or come back to this one's successor. */
  end(): void;
}

interface Follower {
  readonly name: string;
  readonly createTimeMs: number;
  sentSequence: bigint;
}

/** Serves the events that a service has published, from its own store. */
export const createEventFeed = (deps: { store: Store; runtime: Runtime; log: Logger }): EventFeed => {
  const { store, runtime } = deps;
  const tail = new FeedTail(store, runtime, deps.log);
  const followers = new Set<Follower>();

  const subscribe = async function* (
    request: SubscribeRequest,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<SubscribeResponse> {
    const last = await refuseUnknown(store, request);
    // After the last wait, so that of those who come at once no more get in either.
    if (followers.size >= SUBSCRIBERS_MAX) throw fail(SUBSCRIBERS_TOO_MANY, { subscribers: followers.size });
    const name = request.subscriber;
    const follower = { name, createTimeMs: runtime.clock.nowMs(), sentSequence: request.afterSequence };
    followers.add(follower);
    const leave = tail.join();
    try {
      yield* follow({ store, clock: runtime.clock, tail, last, request, follower, signal });
    } finally {
      leave();
      followers.delete(follower);
    }
  };

  const getFeedStatus = async (): Promise<MessageInitShape<typeof GetFeedStatusResponseSchema>> => {
    const { first, last, lastTimeMs } = await store.read(feedEnds);
    return {
      firstSequence: first,
      lastSequence: last,
      ...(lastTimeMs !== null && { lastEventTime: timestampFromMs(Number(lastTimeMs)) }),
      subscribers: [...followers].map(
        (follower): MessageInitShape<typeof FeedSubscriberSchema> => ({
          name: follower.name,
          sentSequence: follower.sentSequence,
          createTime: timestampFromMs(follower.createTimeMs),
        }),
      ),
    };
  };

  return {
    implementation: implementation(EventFeedService, { subscribe, getFeedStatus }),
    end: () => tail.close(),
  };
};

/** Throws when the subscriber has applied what the feed does not hold, or holds no longer. Resolves to the feed's last sequence. */
const refuseUnknown = (store: Store, { afterSequence, afterFingerprint }: SubscribeRequest): Promise<bigint> =>
  store.read(async (reader) => {
    const { first, last } = await feedEnds(reader);
    if (afterSequence > last) throw fail(SEQUENCE_UNKNOWN, { afterSequence, lastSequence: last });
    if (first > afterSequence + 1n) throw fail(SEQUENCE_TRIMMED, { afterSequence, firstSequence: first });
    if (afterSequence === 0n || afterFingerprint.length === 0) return last;
    const event = await feedEventAt(reader, afterSequence);
    // The one before the first that is kept cannot be compared.
    if (event === undefined && first === afterSequence + 1n) return last;
    if (event === undefined || Buffer.compare(fingerprintOf(event), afterFingerprint) !== 0)
      throw fail(FEED_DIVERGED, { afterSequence });
    return last;
  });

interface Following {
  readonly store: Store;
  readonly clock: Clock;
  readonly tail: FeedTail;
  /** The feed's last sequence when it was asked for. */
  readonly last: bigint;
  readonly request: SubscribeRequest;
  readonly follower: Follower;
  readonly signal: AbortSignal;
}

/** What one subscriber is sent, as fast as it takes it: nothing is read for it while it does not. */
async function* follow(following: Following): AsyncGenerator<SubscribeResponse> {
  const { store, clock, tail, request, follower, signal } = following;
  const types = request.types.length === 0 ? undefined : request.types;
  const batchEventsMax = Math.min(request.batchEventsMax, BATCH_EVENTS_MAX);
  const eventsMax = batchEventsMax === 0 ? BATCH_EVENTS_MAX : batchEventsMax;
  const read = async (after: bigint): Promise<FeedRun> => {
    const kept = tail.after(after);
    return kept === undefined
      ? store.read((reader) => feedRun(reader, after, types, eventsMax))
      : runOf(kept, after, types, eventsMax);
  };
  let position = request.afterSequence;
  let fingerprint: Uint8Array = request.afterFingerprint;
  let sentMs = clock.monotonicMs();
  let sentAll = false;
  for (;;) {
    if (tail.closed) throw fail(FEED_STOPPING, {}, { retryDelayMs: 0 });
    signal.throwIfAborted();
    const run = await read(position);
    const idleMs = clock.monotonicMs() - sentMs;
    if (run.last > position) {
      position = run.last;
      if (run.lastEvent !== undefined) fingerprint = fingerprintOf(run.lastEvent);
      // What nobody asked for is not worth a message each time, but a long way through it is; one event at a time cannot say it, and
      // its heartbeat stays due.
      if (run.events.length === 0 && (batchEventsMax === 0 || idleMs < HEARTBEAT_MS / 2)) continue;
      // The tail may not have been read yet; whoever took the first message for all would be wrong.
      const feedLast = tail.last > following.last ? tail.last : following.last;
      if (batchEventsMax > 0) yield batchResponse(run, fingerprint, feedLast);
      else for (const event of run.events) yield eventResponse(event, fingerprintOf(event));
      sentMs = clock.monotonicMs();
      follower.sentSequence = position;
    } else if (!sentAll || idleMs >= HEARTBEAT_MS) {
      yield heartbeatResponse(position, tail.last === position ? tail.lastTimeMs : undefined, fingerprint);
      sentMs = clock.monotonicMs();
      sentAll = true;
    } else {
      await tail.change(signal, HEARTBEAT_MS - idleMs);
    }
  }
}

/** The part of the tail that one message has room for. */
const runOf = (
  kept: readonly StoredEvent[],
  after: bigint,
  types: readonly string[] | undefined,
  eventsMax: number,
): FeedRun => {
  const events: StoredEvent[] = [];
  let lastEvent: StoredEvent | undefined;
  let bytes = 0;
  for (const event of kept) {
    bytes += event.payload.length;
    if (lastEvent !== undefined && (events.length === eventsMax || bytes > BATCH_BYTES_MAX)) break;
    lastEvent = event;
    if (types === undefined || types.includes(event.type)) events.push(event);
  }
  return { events, last: lastEvent?.sequence ?? after, lastEvent };
};
