import { type BillingService, PaymentRecordedSchema } from "@heddle/contracts/billing/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { withCredit } from "../account.ts";
import { newBooking } from "../ledger.ts";
import { accountMessage, moneyOf } from "../messages.ts";
import { minorUnitsIn } from "../money.ts";
import type { Deps } from "./deps.ts";
import { requireAccount } from "./require.ts";

/** Books money that came in. The same request_id books it once. */
export const recordPayment =
  (deps: Omit<Deps, "authorizations">): Handler<typeof BillingService.method.recordPayment> =>
  ({ accountId, amount: money, reference }) =>
    deps.store.write(async (tx) => {
      const nowMs = deps.clock.nowMs();
      const current = await requireAccount(deps, tx, { case: "accountId", value: accountId }, nowMs);
      const { currencyCode } = current;
      const amount = minorUnitsIn(currencyCode, money, "amount");
      const next = withCredit(current, amount, nowMs);
      const subject = { accountId, currencyCode, authorizationId: "", reference, createTimeMs: nowMs };
      const booking = newBooking("payment", amount, subject, deps.ids);
      await deps.accounts.update(tx, current, next);
      await deps.ledger.post(tx, booking);
      const account = accountMessage(next);
      const transactionId = booking.id;
      await tx.publish(PaymentRecordedSchema, {
        account,
        amount: moneyOf(currencyCode, amount),
        transactionId,
        reference,
      });
      return { account, transactionId };
    });
