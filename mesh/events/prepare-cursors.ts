import type { Logger } from "../observe/index.ts";
import type { Tx } from "../store/index.ts";
import type { Store } from "../store/store.ts";
import { type Consumer, handlersConsumer, viewConsumer } from "./consumer.ts";
import { createCursor, cursorOf, rememberTypes } from "./store/cursor-store.ts";
import { allGenerations, createGeneration, type Generation } from "./store/generation-store.ts";
import { reviveUnknown } from "./store/inbox-store.ts";
import type { Subscription, View } from "./subscription.ts";

/** What a service declares that it does with the events of others. */
export interface Declared {
  readonly subscriptions: readonly Subscription[];
  readonly views: readonly View[];
}

/** Who follows a feed, given the generations that there are: every handler, and what is served or built of every view. */
export const consumersOf = ({ subscriptions, views }: Declared, generations: readonly Generation[]): Consumer[] => [
  ...subscriptions.map(handlersConsumer),
  ...views.flatMap((view) =>
    generations
      .filter((found) => found.view === view.name && found.state !== "dropping")
      .flatMap(({ generation }) => view.sources.map((source) => viewConsumer(view, generation, source))),
  ),
];

/**
 * Brings the cursors up to what this release declares: one for each consumer, from the first event on where it is new; and lets
 * events be tried that an earlier release kept because it could not read them.
 */
export const prepareCursors = (store: Store, declared: Declared, nowMs: number, log: Logger): Promise<void> =>
  store.write(
    async (tx) => {
      const known = new Set((await allGenerations(tx)).map(({ view }) => view));
      for (const { name } of declared.views)
        if (!known.has(name)) await createGeneration(tx, name, 1, "serving", nowMs);
      for (const consumer of consumersOf(declared, await allGenerations(tx))) await prepareCursor(tx, consumer, log);
    },
    { reply: "later" },
  );

const prepareCursor = async (tx: Tx, consumer: Consumer, log: Logger): Promise<void> => {
  const { source, view, events } = consumer;
  const cursor = await cursorOf(tx, consumer);
  if (cursor === undefined) {
    await createCursor(tx, consumer, [...events.keys()]);
    return;
  }
  const { subscriptionId, sequence, types } = cursor;
  const added = [...events.keys()].filter((type) => !types.includes(type));
  if (added.length > 0) {
    await rememberTypes(tx, subscriptionId, [...types, ...added]);
    if (sequence > 0n) {
      const next = view === "" ? {} : { next: `heddle events rebuild ${view}` };
      log.warn(
        { source, view, types: added, after: String(sequence), ...next },
        "new types of events: earlier ones are not applied",
      );
    }
  }
  const revived = await reviveUnknown(tx, subscriptionId, [...events.keys()]);
  if (revived > 0)
    log.info({ source, view, events: revived }, "events that an earlier release could not read are tried");
};
