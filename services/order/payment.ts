import type { CallOptions } from "@connectrpc/connect";
import { type Refusal, refuse } from "@heddle/mesh/saga";
import type { Owners } from "./handlers/deps.ts";
import { refusedFor } from "./refused-for.ts";

/** What an order asks billing to hold. */
export interface Hold {
  readonly orderId: string;
  readonly customerId: string;
  readonly currencyCode: string;
  readonly minorUnits: bigint;
}

/** One request of a saga's step: its id and the bounds of the attempt. */
export interface Asking {
  readonly stepId: string;
  readonly options: CallOptions;
}

/** What an order asks of billing. Each is harmless to repeat, also after a crash and by another process. Throws ConnectError. */
export interface Payment {
  /** Holds the total; resolves to the authorization's id, or to billing's refusal, after which nothing is held. */
  authorize(hold: Hold, asking: Asking): Promise<string | Refusal>;
  /** Makes sure that nothing is held for the order, whatever became of `authorize`, now and from now on. */
  giveUp(hold: Pick<Hold, "orderId" | "customerId">, asking: Asking): Promise<void>;
  /** Charges what is held; a refusal where it is held no longer. */
  capture(authorizationId: string, asking: Asking): Promise<Refusal | undefined>;
  /** Gives up what is held, or gives back what was charged. */
  giveBack(authorizationId: string, asking: Asking): Promise<void>;
}

export const payment = ({ billing }: Owners): Payment => ({
  async authorize({ orderId, customerId, currencyCode, minorUnits }, { stepId: requestId, options }) {
    const payer = { case: "customerId", value: customerId } as const;
    const request = { payer, amount: { currencyCode, minorUnits }, reference: orderId, requestId };
    try {
      const { authorization } = await billing.authorizePayment(request, options);
      if (authorization === undefined) throw new Error("billing's reply holds no authorization");
      return authorization.id;
    } catch (error) {
      // The reference is this order's own: somebody has asked for it before, under another request id.
      const held = refusedFor(error, "billing.v1", "REFERENCE_ALREADY_AUTHORIZED")?.metadata.authorizationId;
      if (held !== undefined) return held;
      const refusal = refusedFor(error, "billing.v1", ...REFUSALS);
      if (refusal === undefined) throw error;
      return refuse(refusal.reason);
    }
  },
  async giveUp({ orderId, customerId }, { options }) {
    await billing.voidReference({ customerId, reference: orderId }, options);
  },
  async capture(authorizationId, { options }) {
    try {
      await billing.capturePayment({ authorizationId }, options);
      return undefined;
    } catch (error) {
      const refusal = refusedFor(error, "billing.v1", "AUTHORIZATION_NOT_CAPTURABLE");
      if (refusal === undefined) throw error;
      return refuse(refusal.reason);
    }
  },
  async giveBack(authorizationId, { stepId: requestId, options }) {
    try {
      await billing.voidPayment({ authorizationId }, options);
    } catch (error) {
      // Charged: by this order's fulfilment, also by one that was not written down yet.
      if (!refusedFor(error, "billing.v1", "AUTHORIZATION_NOT_VOIDABLE")) throw error;
      await billing.refundPayment({ authorizationId, requestId }, options).catch((refundError: unknown) => {
        // It was charged, so nothing is left to refund only when all of it was refunded before.
        if (!refusedFor(refundError, "billing.v1", "AUTHORIZATION_NOT_REFUNDABLE")) throw refundError;
      });
    }
  },
});

/** Billing's refusals of an authorization, named as the rejections of an order. Nothing is held after one of these. */
const REFUSALS = ["ACCOUNT_NOT_FOUND", "CURRENCY_MISMATCH", "CREDIT_LIMIT_EXCEEDED"] as const;
