import type { OrderState } from "@heddle/contracts/order/v1";
import type { Effect, Part } from "./view-effects.ts";

/** What a source has told of one customer. */
export interface Told {
  readonly part: Part;
  /** When the latest of its events was made, in milliseconds since the Unix epoch. */
  readonly timeMs: number;
}

/** What a source has told before some events, of those that these are about. */
export interface Known {
  /** Parts by customer; may be empty where the next part does not depend on the one before. */
  readonly parts: ReadonlyMap<string, Part>;
  /** The states of orders by their id. */
  readonly orderStates: ReadonlyMap<string, OrderState>;
}

/** What is another after some events of one source. */
export interface Changes {
  readonly told: ReadonlyMap<string, Told>;
  readonly orderStates: ReadonlyMap<string, OrderState>;
}

/** Whom some events are about. */
export interface Subjects {
  readonly customerIds: readonly string[];
  readonly orderIds: readonly string[];
}

/** Nothing known: what a part does not depend on need not be read. */
export const NOTHING_KNOWN: Known = { parts: new Map(), orderStates: new Map() };

/** The customers and the orders that the events of one source are about, each once. */
export const subjectsOf = (effects: readonly Effect[]): Subjects => ({
  customerIds: [...new Set(effects.map(({ customerId }) => customerId))],
  orderIds: [...new Set(effects.flatMap(({ order }) => (order === undefined ? [] : [order.id])))],
});

/**
 * What events of one source, in order, make of what it has told before. Times are the events' own, never a clock's, so that a
 * replay gives the same view.
 */
export const foldEffects = (known: Known, effects: readonly Effect[]): Changes => {
  const told = new Map<string, Told>();
  const orderStates = new Map<string, OrderState>();
  for (const { customerId, timeMs, order, part } of effects) {
    const before = told.get(customerId);
    const orderState = order && (orderStates.get(order.id) ?? known.orderStates.get(order.id));
    told.set(customerId, {
      part: part(before?.part ?? known.parts.get(customerId), orderState),
      // Orders are applied in parallel, so that the time of one event may lie before that of another.
      timeMs: Math.max(before?.timeMs ?? 0, timeMs),
    });
    if (order !== undefined) orderStates.set(order.id, order.state);
  }
  return { told, orderStates };
};
