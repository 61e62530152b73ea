import { CustomerState } from "@heddle/contracts/customer/v1";
import { type Order, OrderRejectionReason } from "@heddle/contracts/order/v1";
import { RecordState } from "@heddle/contracts/socialsecurity/v1";
import type { Logger } from "@heddle/mesh/observe";
import { type Attempt, OutOfPatience, type Patience, refusedFor } from "./attempt.ts";
import type { Owners } from "./handlers/deps.ts";
import { scoreBar } from "./score-bar.ts";

/** Milliseconds that one answer may take. The owners' contracts cap these calls at the same. */
const ANSWER_MS_MAX = 2_000;

/** Finds out whether a customer may order: undefined when it may. Throws OutOfPatience, and nothing else. */
export type CheckCustomer = (order: Order, patience: Patience) => Promise<OrderRejectionReason | undefined>;

/**
 * Steps 1 to 3 of a placement: the customer is active, its number verified, its score at or above the bar. They change nothing,
 * so that they can be asked as often as it takes. A step that nobody answers is a refusal too, CHECK_UNAVAILABLE.
 */
export const checkCustomer = ({
  owners,
  attempt,
  log,
}: {
  owners: Owners;
  attempt: Attempt;
  log: Logger;
}): CheckCustomer => {
  const active: CheckCustomer = async ({ customerId }, patience) => {
    try {
      const { customer } = await attempt(patience, ANSWER_MS_MAX, (options) =>
        owners.customer.getCustomer({ customerId }, options),
      );
      return held(customer).state === CustomerState.ACTIVE ? undefined : OrderRejectionReason.CUSTOMER_NOT_ACTIVE;
    } catch (error) {
      if (refusedFor(error, "customer.v1", "CUSTOMER_NOT_FOUND")) return OrderRejectionReason.CUSTOMER_NOT_FOUND;
      throw error;
    }
  };
  const verified: CheckCustomer = async ({ customerId }, patience) => {
    try {
      const { record } = await attempt(patience, ANSWER_MS_MAX, (options) =>
        owners.socialSecurity.getRecord({ customerId }, options),
      );
      return held(record).state === RecordState.VERIFIED ? undefined : OrderRejectionReason.NUMBER_NOT_VERIFIED;
    } catch (error) {
      if (refusedFor(error, "socialsecurity.v1", "RECORD_NOT_FOUND")) return OrderRejectionReason.NUMBER_NOT_VERIFIED;
      throw error;
    }
  };
  const worthy: CheckCustomer = async ({ customerId, total }, patience) => {
    const { creditScore } = await attempt(patience, ANSWER_MS_MAX, (options) =>
      owners.creditScore.getCreditScore({ customerId }, options),
    );
    const enough = held(creditScore).value >= scoreBar(total?.minorUnits ?? 0n);
    return enough ? undefined : OrderRejectionReason.CREDIT_SCORE_TOO_LOW;
  };

  return async (order, patience) => {
    for (const [name, check] of Object.entries({ active, verified, worthy })) {
      try {
        const refusal = await check(order, patience);
        if (refusal !== undefined) return refusal;
      } catch (error) {
        if (error instanceof OutOfPatience) throw error;
        log.warn({ orderId: order.id, check: name, err: error }, "a check could not be done");
        return OrderRejectionReason.CHECK_UNAVAILABLE;
      }
    }
    return undefined;
  };
};

/** What a contract promises to be in a reply. */
const held = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error("The reply lacks what its contract promises.");
  return value;
};
