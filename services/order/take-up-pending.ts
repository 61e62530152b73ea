import { OrderState } from "@heddle/contracts/order/v1";
import type { Deps } from "./handlers/deps.ts";
import { placementOf } from "./sagas/place-order.ts";

/** Orders that one transaction takes up. */
const BATCH_MAX = 100;

/**
 * Gives each pending order a saga that has none: a release before sagas has left it. Its checks are done again; what billing holds
 * for it is found by its reference.
 */
export const takeUpPending = async ({
  orders,
  store,
  sagas,
  placement,
}: Pick<Deps, "orders" | "store" | "sagas" | "placement">): Promise<void> => {
  for (let beforeId: string | undefined; ; ) {
    const list = { customerId: "", states: [OrderState.PENDING], beforeId, limit: BATCH_MAX };
    const pending = await store.read((reader) => orders.list(reader, list));
    if (pending.length === 0) return;
    await store.write(async (tx) => {
      for (const { id } of pending) {
        // Another process on this store may have settled it since: a second placement would give up what a confirmed order holds.
        const order = await orders.find(tx, id);
        if (order?.state === OrderState.PENDING)
          await sagas.start(tx, placement, { key: id, state: placementOf(order) });
      }
    });
    beforeId = pending.at(-1)?.id;
  }
};
