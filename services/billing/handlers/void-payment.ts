import { type BillingService, PaymentVoidedSchema } from "@heddle/contracts/billing/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { withHoldEnded } from "../account.ts";
import { voided } from "../authorization.ts";
import { accountMessage, authorizationMessage } from "../messages.ts";
import type { Deps } from "./deps.ts";
import { requireAuthorization } from "./require.ts";

/** Gives up the hold of an authorization. Voiding one that is voided or expired changes nothing. */
export const voidPayment =
  (deps: Omit<Deps, "ledger" | "ids">): Handler<typeof BillingService.method.voidPayment> =>
  ({ authorizationId }) =>
    deps.store.write(async (tx) => {
      const nowMs = deps.clock.nowMs();
      const { authorization: current, account: payer } = await requireAuthorization(deps, tx, authorizationId, nowMs);
      const next = voided(current, nowMs);
      const authorization = authorizationMessage(next);
      if (next === current) return { authorization };
      const released = withHoldEnded(payer, { held: current.amount, charged: 0n }, nowMs);
      await deps.accounts.update(tx, payer, released);
      await deps.authorizations.update(tx, next);
      await tx.publish(PaymentVoidedSchema, { account: accountMessage(released), authorization });
      return { authorization };
    });
