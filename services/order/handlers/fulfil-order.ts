import { OrderSchema, type OrderService, OrderState } from "@heddle/contracts/order/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { AUTHORIZATION_NOT_CAPTURABLE, ORDER_CHANGE_UNDER_WAY, ORDER_NOT_FOUND } from "../errors.ts";
import { fulfilledOrder } from "../order.ts";
import type { Deps } from "./deps.ts";
import { runInCallersTime } from "./run-in-callers-time.ts";

/** Milliseconds after which it pays to ask again for a change that goes on. */
const RETRY_DELAY_MS = 1_000;

/** Fulfils an order by a saga, which ends whole whether or not the caller waits for it. */
export const fulfilOrder =
  (deps: Deps): Handler<typeof OrderService.method.fulfilOrder> =>
  async ({ orderId, etag }) => {
    const { orders, store, sagas, fulfilment, clock } = deps;
    const begun = await store.write(async (tx) => {
      const order = await orders.find(tx, orderId);
      if (order === undefined) throw fail(ORDER_NOT_FOUND, { orderId });
      if (fulfilledOrder(order, clock.now()) === order) return { order };
      checkEtag(OrderSchema, etag, order.etag);
      const { authorizationId } = order;
      return { saga: await sagas.start(tx, fulfilment, { key: orderId, state: { authorizationId } }) };
    });
    if (begun.saga === undefined) return begun;
    const { status } = await runInCallersTime(deps, begun.saga);
    if (status !== "completed" && status !== "compensated")
      throw fail(ORDER_CHANGE_UNDER_WAY, { orderId, verb: "fulfil" }, { retryDelayMs: RETRY_DELAY_MS });
    const order = await store.read((reader) => orders.find(reader, orderId));
    if (order === undefined) return {};
    if (status === "compensated" && order.state === OrderState.CONFIRMED)
      throw fail(AUTHORIZATION_NOT_CAPTURABLE, { orderId, authorizationId: order.authorizationId });
    // A cancellation was quicker, which is then told as an illegal transition.
    return { order: status === "completed" ? order : fulfilledOrder(order, clock.now()) };
  };
