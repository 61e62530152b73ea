import { type Order, OrderRejectionReason } from "@heddle/contracts/order/v1";
import { type Attempt, type Patience, refusedFor } from "./attempt.ts";
import type { Owners } from "./handlers/deps.ts";
import { requestIdFor } from "./request-ids.ts";

/** Milliseconds that one answer may take. Billing's contract caps these calls at the same. */
const ANSWER_MS_MAX = 5_000;

/** What billing said to the request to hold an order's total. */
export type Authorized =
  | { readonly authorizationId: string; readonly refusal?: undefined }
  | { readonly authorizationId?: undefined; readonly refusal: OrderRejectionReason };

/** What an order asks of billing. Each is harmless to repeat, also after a crash and by another process. */
export interface Payment {
  /** Holds the total. Any error leaves open whether it is held: ask again to know. */
  authorize(order: Order, patience: Patience): Promise<Authorized>;
  /** Charges what is held; false when it is held no longer. */
  capture(order: Order, patience: Patience): Promise<boolean>;
  /** Gives up what is held, and gives back what was charged. */
  giveBack(order: Order, patience: Patience): Promise<void>;
  /** Gives up the hold of an authorization that belongs to no order. */
  void(authorizationId: string, patience: Patience): Promise<void>;
}

/** Billing's refusals of an authorization. Nothing is held after one of these. */
const REFUSALS: readonly (readonly [string, OrderRejectionReason])[] = [
  ["ACCOUNT_NOT_FOUND", OrderRejectionReason.ACCOUNT_NOT_FOUND],
  ["CURRENCY_MISMATCH", OrderRejectionReason.CURRENCY_MISMATCH],
  ["CREDIT_LIMIT_EXCEEDED", OrderRejectionReason.CREDIT_LIMIT_EXCEEDED],
];

export const payment = ({ owners: { billing }, attempt }: { owners: Owners; attempt: Attempt }): Payment => {
  const refund = async (order: Order, patience: Patience): Promise<void> => {
    const request = { authorizationId: order.authorizationId, requestId: requestIdFor("refund", order.id) };
    try {
      await attempt(patience, ANSWER_MS_MAX, (options) => billing.refundPayment(request, options));
    } catch (error) {
      // It was charged, so nothing is left to refund only when all of it was refunded before.
      if (!refusedFor(error, "billing.v1", "AUTHORIZATION_NOT_REFUNDABLE")) throw error;
    }
  };

  const giveUp = async (authorizationId: string, patience: Patience): Promise<void> => {
    await attempt(patience, ANSWER_MS_MAX, (options) => billing.voidPayment({ authorizationId }, options));
  };

  return {
    void: giveUp,
    async authorize(order, patience) {
      const request = {
        payer: { case: "customerId", value: order.customerId },
        ...(order.total && { amount: order.total }),
        reference: order.id,
        requestId: requestIdFor("authorize", order.id),
      } as const;
      try {
        const reply = await attempt(patience, ANSWER_MS_MAX, (options) => billing.authorizePayment(request, options));
        if (reply.authorization === undefined) throw new Error("billing's reply holds no authorization");
        return { authorizationId: reply.authorization.id };
      } catch (error) {
        const refusal = REFUSALS.find(([reason]) => refusedFor(error, "billing.v1", reason))?.[1];
        if (refusal === undefined) throw error;
        return { refusal };
      }
    },
    async capture({ authorizationId }, patience) {
      try {
        await attempt(patience, ANSWER_MS_MAX, (options) => billing.capturePayment({ authorizationId }, options));
        return true;
      } catch (error) {
        if (refusedFor(error, "billing.v1", "AUTHORIZATION_NOT_CAPTURABLE")) return false;
        throw error;
      }
    },
    async giveBack(order, patience) {
      try {
        await giveUp(order.authorizationId, patience);
      } catch (error) {
        // Charged: by this order's fulfilment, also by one that was not written down yet.
        if (!refusedFor(error, "billing.v1", "AUTHORIZATION_NOT_VOIDABLE")) throw error;
        await refund(order, patience);
      }
    },
  };
};
