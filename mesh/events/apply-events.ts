import type { Tx } from "../store/index.ts";
import type { Consumer } from "./consumer.ts";
import { CursorMoved } from "./errors.ts";
import { createTimeMsOf, type IncomingEvent, payloadOf } from "./incoming.ts";
import { advanceCursor } from "./store/cursor-store.ts";
import { type InboxState, inboxInUse, lastStateOfKey, putInInbox } from "./store/inbox-store.ts";
import type { ReceivedEvent } from "./subscription.ts";

/** A step of a cursor. */
export interface Move {
  readonly from: bigint;
  readonly to: bigint;
  /** What the feed says of its event at `to`; null where it has not said. */
  readonly fingerprint: Uint8Array | null;
}

/** Whose events are applied. */
export interface Target {
  readonly consumer: Consumer;
  readonly subscriptionId: bigint;
  /** The types that were ever asked for. */
  readonly types: ReadonlySet<string>;
}

/**
 * Applies events and moves the cursor, in the transaction that is open. An event goes to the inbox instead where an earlier one of
 * its key waits there, where something must be asked of others first, and where this release cannot read it. Resolves to the number
 * of those that took effect, and whether any went to the inbox.
 *
 * @throws CursorMoved when another replica has applied them.
 */
export const applyEvents = async (
  tx: Tx,
  target: Target,
  events: readonly IncomingEvent[],
  move: Move,
): Promise<{ readonly applied: number; readonly inboxed: boolean }> => {
  const { consumer, subscriptionId } = target;
  await moveCursor(tx, subscriptionId, move);
  let inUse = await inboxInUse(tx, subscriptionId);
  let inboxed = false;
  const now: ReceivedEvent[] = [];
  for (const event of events) {
    const state = await inboxStateOf(tx, target, event, inUse);
    if (state === "now") {
      if (event.received !== undefined) now.push(event.received);
    } else if (state !== "skip") {
      await putInInbox(tx, { ...inboxEvent(subscriptionId, event), state });
      inUse = true;
      inboxed = true;
    }
  }
  if (now.length > 0) await consumer.apply(tx, now);
  return { applied: now.length, inboxed };
};

/** Puts an event that failed into the inbox, where it is tried again, and moves the cursor past it. */
export const setAside = async (
  tx: Tx,
  { subscriptionId }: Target,
  event: IncomingEvent,
  move: Move,
  failure: { readonly dueTimeMs: number; readonly error: string },
): Promise<void> => {
  await moveCursor(tx, subscriptionId, move);
  await putInInbox(tx, { ...inboxEvent(subscriptionId, event), state: "waiting", attempts: 1, ...failure });
};

/** Moves the cursor past events that nobody wants. */
export const moveCursor = async (tx: Tx, subscriptionId: bigint, move: Move): Promise<void> => {
  if (!(await advanceCursor(tx, { subscriptionId, ...move }))) throw new CursorMoved();
};

const inboxStateOf = async (
  tx: Tx,
  { consumer, subscriptionId, types }: Target,
  { event: { type, key }, received }: IncomingEvent,
  inUse: boolean,
): Promise<InboxState | "now" | "skip"> => {
  if (!consumer.events.has(type) && (consumer.ignored.has(type) || !types.has(type))) return "skip";
  const before = inUse ? await lastStateOfKey(tx, subscriptionId, key) : undefined;
  // Behind an earlier one of its key, also one that cannot be read: then it is its turn that tells.
  if (before !== undefined) return before === "waiting" ? "waiting" : "held";
  if (received === undefined) return "unknown";
  return consumer.prepares(type) ? "waiting" : "now";
};

const inboxEvent = (subscriptionId: bigint, { event }: IncomingEvent) => {
  const { sequence, type, key, traceparent } = event;
  const createTimeMs = BigInt(createTimeMsOf(event));
  return { subscriptionId, sequence, type, key, payload: payloadOf(event), createTimeMs, traceparent };
};
