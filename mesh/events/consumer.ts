import type { DescMessage } from "@bufbuild/protobuf";
import type { Tx } from "../store/index.ts";
import { TYPES_MAX } from "./limits.ts";
import type { CursorOwner } from "./store/cursor-store.ts";
import type { EventHandler, ReceivedEvent, Subscription, View } from "./subscription.ts";

/** What is done with the events of one source: by handlers, or for one generation of a view. */
export interface Consumer extends CursorOwner {
  /** The messages that it wants, by their full names. */
  readonly events: ReadonlyMap<string, DescMessage>;
  /** Types that it wanted once and does not any more. */
  readonly ignored: ReadonlySet<string>;
  /** True where something is asked of others before an event of this type is applied. */
  prepares(type: string): boolean;
  /** Asks it. */
  prepare(event: ReceivedEvent): Promise<unknown>;
  /** Applies events in order; `prepared` belongs to the only one. */
  apply(tx: Tx, events: readonly ReceivedEvent[], prepared?: unknown): Promise<void>;
}

/** Throws TypeError where a declaration cannot be followed, in words for who wrote it. */
export const refuseMisdeclared = (subscriptions: readonly Subscription[], views: readonly View[]): void => {
  refuseTwice(
    "the subscriptions name the source",
    subscriptions.map(({ from }) => from),
  );
  refuseTwice(
    "the views name",
    views.map(({ name }) => name),
  );
  for (const { from, handlers } of subscriptions) {
    const types = handlers.map(({ event }) => event.typeName);
    refuseTwice(`the handlers for ${from} name the event`, types);
    refuseCount(from, types);
  }
  for (const { name, sources } of views) {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
      throw new TypeError(
        `"${name}" is no name of a view: lower-case letters, digits and hyphens, at most 63, a letter first`,
      );
    }
    refuseTwice(
      `the view ${name} names the source`,
      sources.map(({ from }) => from),
    );
    for (const { from, events } of sources) {
      const types = events.map(({ typeName }) => typeName);
      refuseTwice(`the view ${name} names, from ${from}, the event`, types);
      refuseCount(from, types);
    }
  }
};

const refuseTwice = (what: string, names: readonly string[]): void => {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new TypeError(`${what} ${twice} twice; once is enough`);
};

const refuseCount = (from: string, types: readonly string[]): void => {
  if (types.length === 0) throw new TypeError(`nothing is done with the events of ${from}; leave it out`);
  if (types.length > TYPES_MAX) {
    throw new TypeError(
      `${types.length} types of events are wanted from ${from}; a feed filters by at most ${TYPES_MAX}`,
    );
  }
};

export const handlersConsumer = ({ from, handlers, ignored = [] }: Subscription): Consumer => {
  const byType = new Map<string, EventHandler>(handlers.map((handler) => [handler.event.typeName, handler]));
  const handlerOf = ({ message }: ReceivedEvent): EventHandler => {
    const handler = byType.get(message.$typeName);
    if (handler === undefined) throw new TypeError(`nobody handles ${message.$typeName}`);
    return handler;
  };
  return {
    view: "",
    generation: 0,
    source: from,
    events: new Map(handlers.map(({ event }) => [event.typeName, event])),
    ignored: new Set(ignored),
    prepares: (type) => byType.get(type)?.prepare !== undefined,
    prepare: async (event) => handlerOf(event).prepare?.(event),
    async apply(tx, events, prepared) {
      for (const event of events) await handlerOf(event).apply(tx, event, prepared);
    },
  };
};

export const viewConsumer = (view: View, generation: number, source: View["sources"][number]): Consumer => ({
  view: view.name,
  generation,
  source: source.from,
  events: new Map(source.events.map((event) => [event.typeName, event])),
  ignored: new Set(),
  prepares: () => false,
  prepare: async () => undefined,
  apply: (tx, events) => view.apply(tx, generation, events),
});
