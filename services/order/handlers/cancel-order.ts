import { OrderSchema, type OrderService } from "@heddle/contracts/order/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { changeOrder } from "../change-order.ts";
import { ORDER_NOT_FOUND } from "../errors.ts";
import { cancelledOrder } from "../order.ts";
import { callPatience } from "./call-patience.ts";
import type { Deps } from "./deps.ts";

/**
 * Gives back what is held or was charged, then writes the order down as cancelled. A call that ends in between is finished by
 * its repetition: billing gives back once.
 */
export const cancelOrder =
  (deps: Deps): Handler<typeof OrderService.method.cancelOrder> =>
  async ({ orderId, reason, etag }) => {
    const { orders, store, clock, payment } = deps;
    const order = await store.read((reader) => orders.find(reader, orderId));
    if (order === undefined) throw fail(ORDER_NOT_FOUND, { orderId });
    if (cancelledOrder(order, clock.now()) === order) return { order };
    checkEtag(OrderSchema, etag, order.etag);
    await payment.giveBack(order, callPatience());
    return { order: await changeOrder(deps)(orderId, cancelledOrder, reason) };
  };
