import { type BillingService, PaymentCapturedSchema } from "@heddle/contracts/billing/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { withHoldEnded } from "../account.ts";
import { bookingSubject, captured } from "../authorization.ts";
import { newBooking } from "../ledger.ts";
import { accountMessage, authorizationMessage } from "../messages.ts";
import { minorUnitsIn } from "../money.ts";
import type { Deps } from "./deps.ts";
import { requireAuthorization } from "./require.ts";

/** Charges an authorization, once, and releases the rest of its hold. Capturing the same amount again changes nothing. */
export const capturePayment =
  (deps: Deps): Handler<typeof BillingService.method.capturePayment> =>
  ({ authorizationId, amount: money }) =>
    deps.store.write(async (tx) => {
      const nowMs = deps.clock.nowMs();
      const { authorization: current, account: payer } = await requireAuthorization(deps, tx, authorizationId, nowMs);
      const amount = money === undefined ? current.amount : minorUnitsIn(current.currencyCode, money, "amount");
      const next = captured(current, amount, nowMs);
      const authorization = authorizationMessage(next);
      if (next === current) return { authorization };
      const charged = withHoldEnded(payer, { held: current.amount, charged: amount }, nowMs);
      await deps.accounts.update(tx, payer, charged);
      await deps.authorizations.update(tx, next);
      await deps.ledger.post(tx, newBooking("capture", amount, bookingSubject(next), deps.ids));
      await tx.publish(PaymentCapturedSchema, { account: accountMessage(charged), authorization });
      return { authorization };
    });
