import { type Order, OrderService, OrderState, type PlaceOrderRequest } from "@heddle/contracts/order/v1";
import { isSameRequest, requestIdReused } from "@heddle/mesh/contract";
import { currentCall, type Handler } from "@heddle/mesh/rpc";
import type { StartedSaga } from "@heddle/mesh/saga";
import type { Reader } from "@heddle/mesh/store";
import { recordTransition } from "../change-order.ts";
import { newOrder } from "../order.ts";
import { placementOf } from "../sagas/place-order.ts";
import type { Deps } from "./deps.ts";
import { runInCallersTime } from "./run-in-callers-time.ts";

/**
 * Places an order: writes it down as pending together with the saga that settles it, and waits for that. An order that is pending
 * when the caller's time is nearly over, or whose call breaks off, is settled without the caller. The same request_id finds the order
 * of its first call, also when that call ended without an answer.
 */
export const placeOrder =
  (deps: Deps): Handler<typeof OrderService.method.placeOrder> =>
  async (request) => {
    const { orders, store } = deps;
    const { id, saga } = await writtenDown(deps, request);
    if (saga !== undefined) await runInCallersTime(deps, saga);
    const reply = async (reader: Reader): Promise<{ order: Order }> => {
      const order = await orders.find(reader, id);
      if (order === undefined) throw new Error(`order ${id} is gone`);
      return { order };
    };
    // The one write that records the reply: whatever happened before it, a repeated call comes back to this order.
    return currentCall()?.replay === undefined ? store.read(reply) : store.write(reply);
  };

/** The order of a request, a new one or the one that an earlier call with its request id has made, and its saga while it runs. */
const writtenDown = async (
  { orders, store, sagas, placement, clock, ids }: Deps,
  request: PlaceOrderRequest,
): Promise<{ id: string; saga: StartedSaga | undefined }> => {
  const replay = currentCall()?.replay;
  return store.write(
    async (tx) => {
      const known = replay && (await orders.findByRequest(tx, replay.requestId));
      if (known !== undefined) {
        if (replay !== undefined && !isSameRequest(replay.requestHash, known.requestHash ?? new Uint8Array())) {
          throw requestIdReused(OrderService.method.placeOrder, replay.requestId);
        }
        const { id, state } = known.order;
        return { id, saga: state === OrderState.PENDING ? await sagas.findLive(tx, placement, id) : undefined };
      }
      const after = newOrder(request, { id: ids.next("ord"), now: clock.now() });
      await orders.insert(tx, after, replay);
      await recordTransition(orders, tx, { after });
      const saga = await sagas.start(tx, placement, { key: after.id, state: placementOf(after) });
      return { id: after.id, saga };
    },
    { reply: "later" },
  );
};
