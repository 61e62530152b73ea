import { OrderSchema, type OrderService } from "@heddle/contracts/order/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { ORDER_CHANGE_UNDER_WAY, ORDER_NOT_FOUND } from "../errors.ts";
import { cancelledOrder } from "../order.ts";
import type { Deps } from "./deps.ts";
import { runInCallersTime } from "./run-in-callers-time.ts";

/** Milliseconds after which it pays to ask again for a change that goes on. */
const RETRY_DELAY_MS = 1_000;

/** Cancels an order by a saga, which ends whole whether or not the caller waits for it. */
export const cancelOrder =
  (deps: Deps): Handler<typeof OrderService.method.cancelOrder> =>
  async ({ orderId, reason, etag }) => {
    const { orders, store, sagas, cancellation, clock } = deps;
    const begun = await store.write(async (tx) => {
      const order = await orders.find(tx, orderId);
      if (order === undefined) throw fail(ORDER_NOT_FOUND, { orderId });
      if (cancelledOrder(order, clock.now()) === order) return { order };
      checkEtag(OrderSchema, etag, order.etag);
      const { authorizationId } = order;
      return { saga: await sagas.start(tx, cancellation, { key: orderId, state: { authorizationId, reason } }) };
    });
    if (begun.saga === undefined) return begun;
    const { status } = await runInCallersTime(deps, begun.saga);
    if (status !== "completed")
      throw fail(ORDER_CHANGE_UNDER_WAY, { orderId, verb: "cancel" }, { retryDelayMs: RETRY_DELAY_MS });
    const order = await store.read((reader) => orders.find(reader, orderId));
    return order === undefined ? {} : { order };
  };
