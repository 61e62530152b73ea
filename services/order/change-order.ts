import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type Order,
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderFulfilledSchema,
  OrderPlacedSchema,
  OrderRejectedSchema,
  OrderState,
} from "@heddle/contracts/order/v1";
import { fail } from "@heddle/mesh/contract";
import type { Tx } from "@heddle/mesh/store";
import { ORDER_NOT_FOUND } from "./errors.ts";
import type { Deps } from "./handlers/deps.ts";
import type { OrderStore } from "./store.ts";

/** What is published when an order comes to a state. */
const EVENTS = {
  [OrderState.PENDING]: OrderPlacedSchema,
  [OrderState.CONFIRMED]: OrderConfirmedSchema,
  [OrderState.REJECTED]: OrderRejectedSchema,
  [OrderState.CANCELLED]: OrderCancelledSchema,
  [OrderState.FULFILLED]: OrderFulfilledSchema,
} as const;

/** Writes a transition's place in the history and its event; the row itself is written beside it, in the same transaction. */
export const recordTransition = async (
  orders: OrderStore,
  tx: Tx,
  { before, after, reason = "" }: { before?: Order; after: Order; reason?: string },
): Promise<void> => {
  await orders.appendTransition(tx, before, after, reason);
  if (after.state !== OrderState.UNSPECIFIED) await tx.publish(EVENTS[after.state], { order: after });
};

/**
 * Changes an order: the row, its history and the event. `change` gets the order as it is in the transaction and returns the same
 * object where there is nothing to do. Throws ORDER_NOT_FOUND and what `change` throws.
 */
export const changeOrder = async (
  { orders, clock }: Pick<Deps, "orders" | "clock">,
  tx: Tx,
  orderId: string,
  change: (current: Order, now: Timestamp) => Order,
  reason?: string,
): Promise<void> => {
  const before = await orders.find(tx, orderId);
  if (before === undefined) throw fail(ORDER_NOT_FOUND, { orderId });
  const after = change(before, clock.now());
  if (after === before) return;
  await orders.update(tx, after);
  await recordTransition(orders, tx, { before, after, ...(reason !== undefined && { reason }) });
};
