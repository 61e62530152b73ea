import { CustomerState } from "@heddle/contracts/customer/v1";
import { OrderRejectionReason } from "@heddle/contracts/order/v1";
import { RecordState } from "@heddle/contracts/socialsecurity/v1";
import { type Refusal, refuse } from "@heddle/mesh/saga";
import type { Owners } from "./handlers/deps.ts";
import type { Asking, Hold } from "./payment.ts";
import { refusedFor } from "./refused-for.ts";
import { scoreBar } from "./score-bar.ts";

/** Asks one owner whether an order may be placed; a refusal is named as the rejection of the order. Throws ConnectError. */
export type Check = (order: Pick<Hold, "customerId" | "minorUnits">, asking: Asking) => Promise<Refusal | undefined>;

/** The checks of a placement, in their order. They change nothing, so that they can be asked as often as it takes. */
export const checks = ({
  customer,
  socialSecurity,
  creditScore,
}: Owners): Record<"customer" | "number" | "score", Check> => ({
  async customer({ customerId }, { options }) {
    try {
      const reply = await customer.getCustomer({ customerId }, options);
      return held(reply.customer).state === CustomerState.ACTIVE ? undefined : rejection("CUSTOMER_NOT_ACTIVE");
    } catch (error) {
      if (refusedFor(error, "customer.v1", "CUSTOMER_NOT_FOUND")) return rejection("CUSTOMER_NOT_FOUND");
      throw error;
    }
  },
  async number({ customerId }, { options }) {
    try {
      const { record } = await socialSecurity.getRecord({ customerId }, options);
      return held(record).state === RecordState.VERIFIED ? undefined : rejection("NUMBER_NOT_VERIFIED");
    } catch (error) {
      if (refusedFor(error, "socialsecurity.v1", "RECORD_NOT_FOUND")) return rejection("NUMBER_NOT_VERIFIED");
      throw error;
    }
  },
  async score({ customerId, minorUnits }, { options }) {
    const reply = await creditScore.getCreditScore({ customerId }, options);
    return held(reply.creditScore).value >= scoreBar(minorUnits) ? undefined : rejection("CREDIT_SCORE_TOO_LOW");
  },
});

/** A refusal by the name of the order's rejection. */
export const rejection = (reason: keyof typeof OrderRejectionReason): Refusal => refuse(reason);

/** The rejection that a refusal stands for; a check that could not be done is one too. */
export const rejectionReason = (reason: string): OrderRejectionReason =>
  OrderRejectionReason[reason as keyof typeof OrderRejectionReason] ?? OrderRejectionReason.CHECK_UNAVAILABLE;

/** What a contract promises to be in a reply. */
const held = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error("The reply lacks what its contract promises.");
  return value;
};
