import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { EventFeedService } from "@heddle/contracts/heddle/events/v1";
import type { Consumer } from "./consumer.ts";
import type { FollowerHealth } from "./follower-health.ts";
import { type IncomingRun, incomingRun } from "./incoming.ts";
import type { IncomingQueue } from "./incoming-queue.ts";
import { BATCH_EVENTS_MAX } from "./limits.ts";
import type { Cursor } from "./store/cursor-store.ts";

/**
 * Reads a feed from a cursor on into a queue, and no further than there is room in it. Resolves when the stream has ended, for what
 * reason the queue tells.
 */
export const receiveFeed = async (from: {
  readonly feed: Client<typeof EventFeedService>;
  readonly cursor: Cursor;
  readonly request: { readonly subscriber: string; readonly types: string[] };
  readonly consumer: Consumer;
  readonly queue: IncomingQueue;
  readonly health: FollowerHealth;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { feed, cursor, request, consumer, queue, health, signal } = from;
  let received = cursor.sequence;
  try {
    const afterFingerprint = cursor.fingerprint ?? new Uint8Array(0);
    const responses = feed.subscribe(
      { ...request, afterSequence: received, afterFingerprint, batchEventsMax: BATCH_EVENTS_MAX },
      { signal },
    );
    for await (const response of responses) {
      health.contact();
      const run = incomingRun(response, consumer);
      if (run === undefined) continue;
      received = followOn(received, run);
      if (run.feedLast > health.feedLast) health.feedLast = run.feedLast;
      await queue.put(run, signal);
      // Where the wait was for room, the silence was ours.
      health.contact();
    }
    queue.end(new ConnectError("the feed ended its stream", Code.Unavailable));
  } catch (error) {
    queue.end(error);
  }
};

/** The sequence that a run reaches; throws where it does not go on from the one before: to skip it would lose events. */
const followOn = (received: bigint, { events, last }: IncomingRun): bigint => {
  let before = received;
  for (const { sequence } of events) {
    if (sequence <= before) throw new ConnectError(`the feed sent event ${sequence} after ${before}`, Code.Internal);
    before = sequence;
  }
  if (last < before) throw new ConnectError(`the feed came to ${last} after ${before}`, Code.Internal);
  return last;
};
