import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  DeadLetterKind,
  type DeadLetterSchema,
  ListDeadLettersRequestSchema,
  ListSubscriptionsRequestSchema,
  type SubscriptionSchema,
  SubscriptionService,
  SubscriptionState,
} from "@heddle/contracts/heddle/events/v1";
import { fail } from "../contract/fail.ts";
import { nextPageToken, pageOf, takePage } from "../contract/page.ts";
import { redact } from "../contract/redact.ts";
import { compileDecoder } from "../rpc/codec/decoder.ts";
import { type Implementation, implementation } from "../rpc/index.ts";
import {
  INBOX_NOT_EMPTY,
  SKIP_TOO_WIDE,
  SUBSCRIPTION_NOT_DIVERGED,
  SUBSCRIPTION_NOT_FOUND,
  SUBSCRIPTIONS_UNHELD,
  VIEW_NOT_FOUND,
} from "./errors.ts";
import type { Follower } from "./follower.ts";
import type { FollowerState } from "./follower-health.ts";
import { CONTENT_CHARS_MAX, DEAD_LETTER_PAGES, SKIP_ROWS_MAX, SUBSCRIPTION_PAGES, UNHELD_RETRY_MS } from "./limits.ts";
import { beginRebuild } from "./rebuild.ts";
import { type CursorOwner, compareOwners, cursorOf, setCursor } from "./store/cursor-store.ts";
import {
  type DeadLetterRow,
  listDeadLetters,
  recordResumption,
  replayDeadLetters,
  skipDeadLetters,
} from "./store/dead-letter-store.ts";
import { countInboxAfter, type InboxState } from "./store/inbox-store.ts";
import type { Subscriber, SubscriberDeps } from "./subscriber.ts";

/**
 * Shows what a service does with the events of others, and lets an operator step in. `following`: what does so in this process;
 * undefined while another replica does, and then calls are refused with UNAVAILABLE `SUBSCRIPTIONS_UNHELD`.
 */
export const subscriptionService = (
  following: () => Subscriber | undefined,
  deps: Omit<SubscriberDeps, "feedOf">,
): Implementation => {
  const here = (): Subscriber => {
    const subscriber = following();
    if (subscriber === undefined) throw fail(SUBSCRIPTIONS_UNHELD, {}, { retryDelayMs: UNHELD_RETRY_MS });
    return subscriber;
  };
  const { store, runtime, views, subscriptions } = deps;
  const known = new Map<string, DescMessage>(
    [
      ...subscriptions.flatMap(({ handlers }) => handlers.map(({ event }) => event)),
      ...views.flatMap(({ sources }) => sources.flatMap(({ events }) => events)),
    ].map((event) => [event.typeName, event]),
  );
  return implementation(SubscriptionService, {
    listSubscriptions(request) {
      const page = pageOf(ListSubscriptionsRequestSchema, request, SUBSCRIPTION_PAGES);
      const following = here().followers.filter(
        ({ consumer }) => page.after === undefined || compareOwners(consumer, ownerOf(page.after)) > 0,
      );
      const { items, last } = takePage(following, page.size);
      return {
        subscriptions: items.map(subscriptionMessage),
        nextPageToken: last ? nextPageToken(ListSubscriptionsRequestSchema, request, keyOf(last)) : "",
      };
    },

    async listDeadLetters(request) {
      const page = pageOf(ListDeadLettersRequestSchema, request, DEAD_LETTER_PAGES);
      const [subscriptionId = "0", sequence = "0"] = page.after ?? [];
      const after = { subscriptionId: BigInt(subscriptionId), sequence: BigInt(sequence) };
      const rows = await store.read((reader) => listDeadLetters(reader, request, after, page.size + 1));
      const { items, last } = takePage(rows, page.size);
      return {
        deadLetters: items.map((row) => deadLetterMessage(row, known.get(row.type))),
        nextPageToken: last
          ? nextPageToken(ListDeadLettersRequestSchema, request, [String(last.subscriptionId), String(last.sequence)])
          : "",
      };
    },

    async replayDeadLetters(filter) {
      const replayed = await store.write((tx) => replayDeadLetters(tx, filter));
      following()?.wake();
      return { replayed: BigInt(replayed) };
    },

    async skipDeadLetters(request) {
      const { key, sequence, all, reason } = request;
      if (key === "" && sequence === 0n && !all) throw fail(SKIP_TOO_WIDE, {});
      const decision = { nowMs: runtime.clock.nowMs(), reason, limit: SKIP_ROWS_MAX };
      let total = 0;
      for (let skipped = SKIP_ROWS_MAX; skipped === SKIP_ROWS_MAX; total += skipped) {
        skipped = await store.write((tx) => skipDeadLetters(tx, request, decision));
      }
      following()?.wake();
      return { skipped: BigInt(total) };
    },

    async rebuildView({ view: name }) {
      const view = views.find((declared) => declared.name === name);
      if (view === undefined) {
        const names = views.map((declared) => declared.name).join(", ");
        throw fail(VIEW_NOT_FOUND, { view: name, known: names || "none" });
      }
      const reply = await store.write(async (tx) => ({
        generation: await beginRebuild(tx, view, runtime.clock.nowMs()),
      }));
      following()?.wake();
      return reply;
    },

    async resumeSubscription({ source, view, afterSequence, reason }) {
      const followers = here().followers.filter(({ consumer }) => consumer.source === source && consumer.view === view);
      if (followers.length === 0) {
        throw fail(SUBSCRIPTION_NOT_FOUND, { source, target: view === "" ? "by handlers" : `for the view ${view}` });
      }
      const diverged = followers.filter((follower) => follower.status().state === "diverged");
      if (diverged.length === 0) throw fail(SUBSCRIPTION_NOT_DIVERGED, { source });
      const nowMs = runtime.clock.nowMs();
      const reply = await store.write(async (tx) => {
        for (const { consumer } of diverged) {
          const { generation } = consumer;
          const cursor = await cursorOf(tx, consumer);
          if (cursor === undefined) continue;
          const events = await countInboxAfter(tx, cursor.subscriptionId, afterSequence);
          if (events > 0) throw fail(INBOX_NOT_EMPTY, { events, source, afterSequence });
          await setCursor(tx, cursor.subscriptionId, afterSequence);
          await recordResumption(tx, { nowMs, view, generation, source, sequence: afterSequence, reason });
        }
        return {};
      });
      following()?.wake();
      return reply;
    },
  });
};

const keyOf = ({ consumer: { view, generation, source } }: Follower): string[] => [view, String(generation), source];

const ownerOf = ([view = "", generation = "0", source = ""]: readonly string[]): CursorOwner => ({
  view,
  generation: Number(generation),
  source,
});

const STATES: Readonly<Record<FollowerState, SubscriptionState>> = {
  connected: SubscriptionState.CONNECTED,
  retrying: SubscriptionState.RETRYING,
  stalled: SubscriptionState.STALLED,
  rebuilding: SubscriptionState.REBUILDING,
  diverged: SubscriptionState.DIVERGED,
};

const subscriptionMessage = (follower: Follower): MessageInitShape<typeof SubscriptionSchema> => {
  const { source, view, generation } = follower.consumer;
  const { state, position, feedLast, oldestMs, lagMs, waiting, dead, health } = follower.status();
  return {
    source,
    view,
    generation,
    inForce: !follower.rebuilding,
    state: STATES[state],
    appliedSequence: position,
    feedLastSequence: feedLast,
    ...(oldestMs !== undefined && { oldestUnappliedTime: timestampFromMs(oldestMs) }),
    lag: durationFromMs(Math.round(lagMs)),
    waiting: BigInt(waiting),
    deadLetters: BigInt(dead),
    lastError: health.lastError,
    ...(health.lastErrorTimeMs !== undefined && { lastErrorTime: timestampFromMs(health.lastErrorTimeMs) }),
    eventsApplied: BigInt(health.eventsApplied),
    startTime: timestampFromMs(health.startTimeMs),
  };
};

const KINDS: Readonly<Record<InboxState, DeadLetterKind>> = {
  failed: DeadLetterKind.FAILED,
  unknown: DeadLetterKind.UNKNOWN,
  held: DeadLetterKind.HELD,
  waiting: DeadLetterKind.UNSPECIFIED,
};

const deadLetterMessage = (
  row: DeadLetterRow,
  event: DescMessage | undefined,
): MessageInitShape<typeof DeadLetterSchema> => ({
  source: row.source,
  view: row.view,
  generation: Number(row.generation),
  sequence: row.sequence,
  key: row.key,
  type: row.type,
  createTime: timestampFromMs(Number(row.createTimeMs)),
  kind: KINDS[row.state],
  error: row.error,
  attempts: Number(row.attempts),
  content: event === undefined ? "" : contentOf(event, row.payload),
  traceparent: row.traceparent,
});

/** The event as an operator may see it. */
const contentOf = (event: DescMessage, payload: Uint8Array): string => {
  try {
    const shown = JSON.stringify(redact(event, compileDecoder(event).decode(payload)));
    return shown.slice(0, CONTENT_CHARS_MAX).toWellFormed();
  } catch {
    return "";
  }
};
