import { type Order, OrderService, OrderState, type PlaceOrderRequest } from "@heddle/contracts/order/v1";
import { isSameRequest, requestIdReused } from "@heddle/mesh/contract";
import { currentCall, type Handler } from "@heddle/mesh/rpc";
import type { Patience } from "../attempt.ts";
import { recordTransition } from "../change-order.ts";
import { newOrder } from "../order.ts";
import type { Settle } from "../settle.ts";
import { DUE_AFTER_CALL_MS, DUE_AFTER_PLACEMENT_MS } from "../settler.ts";
import type { Deps } from "./deps.ts";

/** The part of the caller's time in which an order is settled; the rest is for the answer and its way. */
const SETTLE_SHARE = 0.8;

/**
 * Places an order: writes it down as pending, then settles it while the caller waits. An order that is pending when the
 * caller's time is nearly over, or whose call breaks off, is settled in the background. The same request_id finds the order
 * of its first call, also when that call ended without an answer.
 */
export const placeOrder =
  (deps: Deps & { settle: Settle }): Handler<typeof OrderService.method.placeOrder> =>
  async (request) => {
    const { orders, store, clock, settle } = deps;
    const { id } = await writtenDown(deps, request);
    await settle(id, patienceOfCall(deps));
    // The one write that records the reply: whatever happened before it, a repeated call comes back to this order.
    return store.write(async (tx) => {
      const order = await orders.find(tx, id);
      if (order === undefined) throw new Error(`order ${id} is gone`);
      if (order.state === OrderState.PENDING) await orders.postpone(tx, id, clock.nowMs() + DUE_AFTER_CALL_MS);
      return { order };
    });
  };

/** The order of a request: a new one, or the one that an earlier call with its request id has made. */
const writtenDown = async (
  { orders, store, clock, ids, notifier }: Deps,
  request: PlaceOrderRequest,
): Promise<Order> => {
  const replay = currentCall()?.replay;
  const order = await store.write(
    async (tx) => {
      const known = replay && (await orders.findByRequest(tx, replay.requestId));
      if (known !== undefined) {
        if (replay !== undefined && !isSameRequest(replay.requestHash, known.requestHash ?? new Uint8Array())) {
          throw requestIdReused(OrderService.method.placeOrder, replay.requestId);
        }
        return known.order;
      }
      const after = newOrder(request, { id: ids.next("ord"), now: clock.now() });
      await orders.insert(tx, after, { request: replay, dueMs: clock.nowMs() + DUE_AFTER_PLACEMENT_MS });
      await recordTransition(orders, tx, { after });
      return after;
    },
    { reply: "later" },
  );
  notifier.notify(order.id);
  return order;
};

const patienceOfCall = ({ clock }: Deps): Patience => {
  const call = currentCall();
  const nowMs = clock.monotonicMs();
  const leftMs = (call?.deadlineMs ?? Number.POSITIVE_INFINITY) - nowMs;
  return { endMs: nowMs + leftMs * SETTLE_SHARE, signal: call?.signal };
};
