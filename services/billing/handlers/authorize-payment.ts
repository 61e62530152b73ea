import { durationMs } from "@bufbuild/protobuf/wkt";
import { type BillingService, PaymentAuthorizedSchema } from "@heddle/contracts/billing/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Tx } from "@heddle/mesh/store";
import { type Account, withHold } from "../account.ts";
import { asOf, DEFAULT_HOLD_MS, newAuthorization } from "../authorization.ts";
import { REFERENCE_ALREADY_AUTHORIZED, REFERENCE_VOIDED } from "../errors.ts";
import { expireHold } from "../expire-holds.ts";
import { accountMessage, authorizationMessage } from "../messages.ts";
import { payerMinorUnitsIn } from "../money.ts";
import type { Deps } from "./deps.ts";
import { requireAccount } from "./require.ts";

/** Holds an amount of the credit line. The same request_id returns the authorization that its first call made. */
export const authorizePayment =
  (deps: Omit<Deps, "ledger">): Handler<typeof BillingService.method.authorizePayment> =>
  ({ payer, amount: money, reference, holdDuration }) =>
    deps.store.write(async (tx) => {
      const nowMs = deps.clock.nowMs();
      const current = await requireAccount(deps, tx, payer, nowMs);
      const amount = payerMinorUnitsIn(current.currencyCode, money);
      await freeReference(deps, tx, current, reference, nowMs);
      const next = withHold(current, amount, nowMs);
      const holdMs = holdDuration === undefined ? DEFAULT_HOLD_MS : durationMs(holdDuration);
      const held = newAuthorization(current, { id: deps.ids.next("auz"), reference, amount, holdMs, nowMs });
      await deps.accounts.update(tx, current, next);
      await deps.authorizations.insert(tx, held);
      const authorization = authorizationMessage(held);
      await tx.publish(PaymentAuthorizedSchema, { account: accountMessage(next), authorization });
      return { authorization };
    });

/** Makes sure that a reference is held or captured by nobody. Throws REFERENCE_ALREADY_AUTHORIZED, REFERENCE_VOIDED. */
const freeReference = async (
  deps: Omit<Deps, "ledger">,
  tx: Tx,
  account: Account,
  reference: string,
  nowMs: number,
): Promise<void> => {
  const given = await deps.authorizations.findVoidedReference(tx, account.customerId, reference);
  if (given !== undefined) throw fail(REFERENCE_VOIDED, { reference });
  const live = await deps.authorizations.findLive(tx, account.id, reference);
  if (live === undefined) return;
  if (asOf(live, nowMs) === live) throw fail(REFERENCE_ALREADY_AUTHORIZED, { authorizationId: live.id, reference });
  await expireHold(deps, tx, live, nowMs);
};
