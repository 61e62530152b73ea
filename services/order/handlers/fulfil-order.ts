import { OrderSchema, type OrderService, OrderState } from "@heddle/contracts/order/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { changeOrder } from "../change-order.ts";
import { AUTHORIZATION_NOT_CAPTURABLE, ORDER_NOT_FOUND } from "../errors.ts";
import { fulfilledOrder } from "../order.ts";
import { callPatience } from "./call-patience.ts";
import type { Deps } from "./deps.ts";

/**
 * Charges a confirmed order, then writes it down as fulfilled. A call that ends in between is finished by its repetition:
 * billing charges once. When a cancellation goes on at the same time, billing decides which of the two comes first.
 */
export const fulfilOrder =
  (deps: Deps): Handler<typeof OrderService.method.fulfilOrder> =>
  async ({ orderId, etag }) => {
    const { orders, store, clock, payment } = deps;
    const find = () => store.read((reader) => orders.find(reader, orderId));
    const order = await find();
    if (order === undefined) throw fail(ORDER_NOT_FOUND, { orderId });
    if (fulfilledOrder(order, clock.now()) === order) return { order };
    checkEtag(OrderSchema, etag, order.etag);
    if (!(await payment.capture(order, callPatience()))) {
      const current = (await find()) ?? order;
      if (current.state !== OrderState.CONFIRMED) return { order: fulfilledOrder(current, clock.now()) };
      throw fail(AUTHORIZATION_NOT_CAPTURABLE, { orderId, authorizationId: order.authorizationId });
    }
    return { order: await changeOrder(deps)(orderId, fulfilledOrder) };
  };
