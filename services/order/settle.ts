import { type Order, type OrderRejectionReason, OrderState } from "@heddle/contracts/order/v1";
import { fail } from "@heddle/mesh/contract";
import { OutOfPatience, type Patience } from "./attempt.ts";
import { changeOrder, recordTransition } from "./change-order.ts";
import { checkCustomer } from "./checks.ts";
import { ORDER_NOT_FOUND } from "./errors.ts";
import type { Deps } from "./handlers/deps.ts";
import { confirmedOrder, rejectedOrder } from "./order.ts";
import type { Authorized } from "./payment.ts";
import type { Placement } from "./store.ts";

/**
 * Takes a pending order as far as it gets: confirmed, rejected, or still pending when the time is over or billing does not
 * say whether it holds the total. Can be called for any order, any number of times, and by several at a time: each decision
 * is made once, in a transaction, and whoever comes later goes on from it.
 */
export type Settle = (orderId: string, patience: Patience) => Promise<Order>;

export const settling = (deps: Deps): Settle => {
  const check = checkCustomer(deps);
  const change = changeOrder(deps);
  const { orders, store, payment, clock, notifier, log } = deps;

  /** Writes down what the checks found, unless another has done so: before billing is asked, so that a crash cannot lose it. */
  const closeChecks = async (orderId: string, refusal: OrderRejectionReason | undefined): Promise<Order> => {
    const order = await store.write(
      async (tx) => {
        const { order: before, checksPassed } = found(orderId, await orders.findPlacement(tx, orderId));
        if (before.state !== OrderState.PENDING || checksPassed) return before;
        if (refusal === undefined) {
          await orders.passChecks(tx, orderId);
          return before;
        }
        const after = rejectedOrder(before, refusal, clock.now());
        await orders.update(tx, after);
        await recordTransition(orders, tx, { before, after });
        return after;
      },
      { reply: "later" },
    );
    notifier.notify(orderId);
    return order;
  };

  /** Writes down what billing said. An authorization that the order cannot take any more is given up. */
  const closeAuthorization = async (orderId: string, said: Authorized, patience: Patience): Promise<Order> => {
    const order = await change(orderId, (current, now) => {
      if (current.state !== OrderState.PENDING) return current;
      if (said.refusal !== undefined) return rejectedOrder(current, said.refusal, now);
      return confirmedOrder(current, said.authorizationId, now);
    });
    const { authorizationId } = said;
    if (authorizationId !== undefined && order.authorizationId !== authorizationId) {
      // Another, who asked billing at the same time and was refused, was quicker.
      await payment.void(authorizationId, patience).catch((error: unknown) => {
        log.error({ orderId, authorizationId, err: error }, "an authorization was left over; it ends when it expires");
      });
    }
    return order;
  };

  return async (orderId, patience) => {
    const { order, checksPassed } = found(orderId, await store.read((reader) => orders.findPlacement(reader, orderId)));
    if (order.state !== OrderState.PENDING) return order;
    try {
      if (!checksPassed) {
        const checked = await closeChecks(orderId, await check(order, patience));
        if (checked.state !== OrderState.PENDING) return checked;
      }
      const said = await authorized(order, patience);
      return said === undefined ? order : await closeAuthorization(orderId, said, patience);
    } catch (error) {
      if (error instanceof OutOfPatience) return order;
      throw error;
    }
  };

  async function authorized(order: Order, patience: Patience): Promise<Authorized | undefined> {
    try {
      return await payment.authorize(order, patience);
    } catch (error) {
      if (error instanceof OutOfPatience) throw error;
      log.warn({ orderId: order.id, err: error }, "billing did not say whether it holds the total; it is asked again");
      return undefined;
    }
  }
};

const found = (orderId: string, placement: Placement | undefined): Placement => {
  if (placement === undefined) throw fail(ORDER_NOT_FOUND, { orderId });
  return placement;
};
