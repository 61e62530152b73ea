import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type Order,
  type OrderRejectionReason,
  OrderSchema,
  OrderState,
  type PlaceOrderRequest,
} from "@heddle/contracts/order/v1";
import { etagOf, fail } from "@heddle/mesh/contract";
import { ORDER_TRANSITION_ILLEGAL } from "./errors.ts";
import { totalOf } from "./order-total.ts";

/** What moves an order. */
export type Verb = "confirm" | "reject" | "fulfil" | "cancel";

/** The only steps that exist, as `order.v1.OrderState` says. */
const STEPS: Readonly<Record<Verb, { readonly from: readonly OrderState[]; readonly to: OrderState }>> = {
  confirm: { from: [OrderState.PENDING], to: OrderState.CONFIRMED },
  reject: { from: [OrderState.PENDING], to: OrderState.REJECTED },
  fulfil: { from: [OrderState.CONFIRMED], to: OrderState.FULFILLED },
  cancel: { from: [OrderState.CONFIRMED, OrderState.FULFILLED], to: OrderState.CANCELLED },
};

/** The state that a verb leads to, the same where the verb was done before, undefined where it is illegal. */
export const stateAfter = (state: OrderState, verb: Verb): OrderState | undefined => {
  const { from, to } = STEPS[verb];
  return state === to || from.includes(state) ? to : undefined;
};

/** Whether nothing can happen to an order any more. */
export const isFinal = (state: OrderState): boolean => state === OrderState.REJECTED || state === OrderState.CANCELLED;

/**
 * A pending order as a request describes it. Throws ORDER_CURRENCIES_MIXED, ORDER_TOTAL_ZERO, ORDER_TOTAL_TOO_LARGE.
 */
export const newOrder = (
  { customerId, lines }: Pick<PlaceOrderRequest, "customerId" | "lines">,
  { id, now }: { id: string; now: Timestamp },
): Order =>
  withEtag(
    create(OrderSchema, {
      id,
      customerId,
      lines,
      total: totalOf(lines),
      state: OrderState.PENDING,
      createTime: now,
      updateTime: now,
    }),
  );

/** The order with its total authorized. Throws ORDER_TRANSITION_ILLEGAL, as all of these do. */
export const confirmedOrder = (order: Order, authorizationId: string, now: Timestamp): Order =>
  moved(order, "confirm", { authorizationId, updateTime: now });

/** The order after a check that it failed. */
export const rejectedOrder = (order: Order, rejectionReason: OrderRejectionReason, now: Timestamp): Order =>
  moved(order, "reject", { rejectionReason, updateTime: now });

/** The order with its total charged, or the same object when it was charged before. */
export const fulfilledOrder = (order: Order, now: Timestamp): Order => moved(order, "fulfil", { updateTime: now });

/** The order called off, or the same object when it was called off before. */
export const cancelledOrder = (order: Order, now: Timestamp): Order => moved(order, "cancel", { updateTime: now });

const moved = (order: Order, verb: Verb, change: Partial<Order>): Order => {
  const state = stateAfter(order.state, verb);
  if (state === undefined) {
    throw fail(ORDER_TRANSITION_ILLEGAL, { orderId: order.id, state: OrderState[order.state], verb });
  }
  return state === order.state ? order : withEtag({ ...order, ...change, state });
};

const withEtag = (order: Order): Order => ({ ...order, etag: etagOf(OrderSchema, order) });
