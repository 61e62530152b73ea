import { AccountSchema, type BillingService, CreditLimitChangedSchema } from "@heddle/contracts/billing/v1";
import { checkEtag } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { withCreditLimit } from "../account.ts";
import { accountMessage, moneyOf } from "../messages.ts";
import { minorUnitsIn } from "../money.ts";
import type { Deps } from "./deps.ts";
import { requireAccount } from "./require.ts";

/** Replaces the credit limit. Setting the limit that is in force changes nothing, whatever the etag. */
export const setCreditLimit =
  (deps: Pick<Deps, "accounts" | "store" | "clock">): Handler<typeof BillingService.method.setCreditLimit> =>
  ({ accountId, creditLimit, etag }) =>
    deps.store.write(async (tx) => {
      const nowMs = deps.clock.nowMs();
      const current = await requireAccount(deps, tx, { case: "accountId", value: accountId }, nowMs);
      const limit = minorUnitsIn(current.currencyCode, creditLimit, "credit_limit");
      if (limit === current.creditLimit) return { account: accountMessage(current) };
      checkEtag(AccountSchema, etag, accountMessage(current).etag);
      const next = withCreditLimit(current, limit, nowMs);
      await deps.accounts.update(tx, current, next);
      const account = accountMessage(next);
      const previousCreditLimit = moneyOf(current.currencyCode, current.creditLimit);
      await tx.publish(CreditLimitChangedSchema, { account, previousCreditLimit });
      return { account };
    });
