import { eventsAfter, lastEventSequence, type Store } from "@heddle/mesh/store";

/** Tells those who watch an order that it has changed. */
export interface OrderNotifier {
  /** Calls `wake` after each change of the order, and now and then without one, until the returned function is called. */
  listen(orderId: string, wake: () => void): () => void;
}

/**
 * Follows the service's own events, each of which belongs to one change of one order: so it hears of what every process on the store has
 * done. Reads nothing while nobody watches.
 */
export const orderNotifier = (store: Store): OrderNotifier => {
  const watching = new Map<string, Set<() => void>>();
  let forget: (() => void) | undefined;
  /** The last event that is known; undefined: of what has happened nothing is known, and everybody looks. */
  let last: bigint | undefined;
  let reading = false;
  let stale = false;

  const wakeAll = () => {
    for (const watchers of watching.values()) for (const wake of watchers) wake();
  };
  const readOn = async (): Promise<boolean> => {
    const after = last;
    if (after === undefined) {
      last = await store.read(lastEventSequence);
      wakeAll();
      return false;
    }
    const events = await store.read((reader) => eventsAfter(reader, after));
    last = events.at(-1)?.sequence ?? after;
    for (const orderId of new Set(events.map(({ key }) => key))) for (const wake of watching.get(orderId) ?? []) wake();
    return events.length > 0;
  };
  const look = async (): Promise<void> => {
    stale = true;
    if (reading) return;
    reading = true;
    try {
      while (stale && watching.size > 0) {
        stale = false;
        while (await readOn());
      }
    } catch {
      // Whoever watches meets the same error when it looks.
      last = undefined;
      wakeAll();
    } finally {
      reading = false;
    }
  };
  return {
    listen(orderId, wake) {
      const watchers = watching.get(orderId) ?? new Set();
      watching.set(orderId, watchers.add(wake));
      forget ??= store.onEvents(() => void look());
      return () => {
        watchers.delete(wake);
        if (watchers.size > 0 || watching.get(orderId) !== watchers) return;
        watching.delete(orderId);
        if (watching.size > 0) return;
        forget?.();
        forget = undefined;
        last = undefined;
      };
    },
  };
};
