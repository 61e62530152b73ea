import { timestampMs } from "@bufbuild/protobuf/wkt";
import { CustomerDeletedSchema, CustomerState, CustomerUndeletedSchema } from "@heddle/contracts/customer/v1";
import { type Order, OrderState } from "@heddle/contracts/order/v1";
import { on, onPrepared, type Subscription } from "@heddle/mesh/events";
import type { Deps, Owners } from "./handlers/deps.ts";
import { refusedFor } from "./refused-for.ts";

/** Orders that are read at a time. */
const READ_MAX = 500;

/**
 * What becomes of the orders of a customer who is deleted: what is confirmed is cancelled, what is fulfilled stays, and what is
 * pending is not confirmed any more. All is decided in the one transaction that applies the event: a placement is confirmed either
 * before it, and then cancelled by it, or sees after it that the customer is gone.
 *
 * The event may come late, when the customer was undeleted and has placed new orders, which stay. Only the owner of the customers
 * knows that, so it is asked.
 */
export const customerEvents = ({
  orders,
  sagas,
  cancellation,
  clock,
  customers,
}: Pick<Deps, "orders" | "sagas" | "cancellation" | "clock"> & {
  readonly customers: Pick<Owners["customer"], "getCustomer">;
}): Subscription => ({
  from: "customer",
  handlers: [
    onPrepared(
      CustomerDeletedSchema,
      ({ key }) => isActive(customers, key),
      async (tx, event, undeleted) => {
        const { key: customerId } = event;
        const deleteTimeMs = timestampMs(event.createTime);
        const stays = ({ createTime }: Order) =>
          undeleted && createTime !== undefined && timestampMs(createTime) > deleteTimeMs;
        if (!undeleted) await orders.putDeletedCustomer(tx, customerId, clock.nowMs());
        for (let beforeId: string | undefined; ; ) {
          const list = { customerId, states: [OrderState.CONFIRMED], beforeId, limit: READ_MAX };
          const open = await orders.list(tx, list);
          for (const order of open) {
            if (stays(order)) continue;
            const { id, authorizationId } = order;
            const state = { authorizationId, reason: "The customer was deleted." };
            await sagas.start(tx, cancellation, { key: id, state });
          }
          if (open.length < READ_MAX) return;
          beforeId = open.at(-1)?.id;
        }
      },
    ),
    on(CustomerUndeletedSchema, async (tx, { key: customerId }) => {
      await orders.removeDeletedCustomer(tx, customerId);
    }),
  ],
});

/** Whether a customer is active by now. One that its owner does not know, as after the restore of an older copy, is not. */
const isActive = async (customers: Pick<Owners["customer"], "getCustomer">, customerId: string): Promise<boolean> => {
  try {
    return (await customers.getCustomer({ customerId })).customer?.state === CustomerState.ACTIVE;
  } catch (error) {
    if (refusedFor(error, "customer.v1", "CUSTOMER_NOT_FOUND")) return false;
    throw error;
  }
};
