import { type BillingService, PaymentRefundedSchema } from "@heddle/contracts/billing/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { withCredit } from "../account.ts";
import { bookingSubject, leftToRefund, refunded } from "../authorization.ts";
import { newBooking } from "../ledger.ts";
import { accountMessage, authorizationMessage, moneyOf } from "../messages.ts";
import { minorUnitsIn } from "../money.ts";
import type { Deps } from "./deps.ts";
import { requireAuthorization } from "./require.ts";

/** Gives back what was captured, or a part of it. The same request_id refunds once. */
export const refundPayment =
  (deps: Deps): Handler<typeof BillingService.method.refundPayment> =>
  ({ authorizationId, amount: money }) =>
    deps.store.write(async (tx) => {
      const nowMs = deps.clock.nowMs();
      const { authorization: current, account: payer } = await requireAuthorization(deps, tx, authorizationId, nowMs);
      const { currencyCode } = current;
      const amount = money === undefined ? leftToRefund(current) : minorUnitsIn(currencyCode, money, "amount");
      const next = refunded(current, amount, nowMs);
      const credited = withCredit(payer, amount, nowMs);
      await deps.accounts.update(tx, payer, credited);
      await deps.authorizations.update(tx, next);
      await deps.ledger.post(tx, newBooking("refund", amount, bookingSubject(next), deps.ids));
      const authorization = authorizationMessage(next);
      const account = accountMessage(credited);
      await tx.publish(PaymentRefundedSchema, { account, authorization, amount: moneyOf(currencyCode, amount) });
      return { authorization };
    });
