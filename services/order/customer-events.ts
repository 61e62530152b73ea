import { CustomerDeletedSchema, CustomerUndeletedSchema } from "@heddle/contracts/customer/v1";
import { OrderState } from "@heddle/contracts/order/v1";
import { on, type Subscription } from "@heddle/mesh/events";
import type { Deps } from "./handlers/deps.ts";

/** Orders that are read at a time. */
const READ_MAX = 500;

/**
 * What becomes of the orders of a customer who is deleted: what is confirmed is cancelled, what is fulfilled stays, and what is
 * pending is not confirmed any more. All is decided in the one transaction that applies the event: a placement is confirmed either
 * before it, and then cancelled by it, or sees after it that the customer is gone.
 */
export const customerEvents = ({
  orders,
  sagas,
  cancellation,
  clock,
}: Pick<Deps, "orders" | "sagas" | "cancellation" | "clock">): Subscription => ({
  from: "customer",
  handlers: [
    on(CustomerDeletedSchema, async (tx, { key: customerId }) => {
      await orders.putDeletedCustomer(tx, customerId, clock.nowMs());
      for (let beforeId: string | undefined; ; ) {
        const list = { customerId, states: [OrderState.CONFIRMED], beforeId, limit: READ_MAX };
        const open = await orders.list(tx, list);
        for (const { id, authorizationId } of open) {
          const state = { authorizationId, reason: "The customer was deleted." };
          await sagas.start(tx, cancellation, { key: id, state });
        }
        if (open.length < READ_MAX) return;
        beforeId = open.at(-1)?.id;
      }
    }),
    on(CustomerUndeletedSchema, async (tx, { key: customerId }) => {
      await orders.removeDeletedCustomer(tx, customerId);
    }),
  ],
});
