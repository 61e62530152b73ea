import { AccountOpenedSchema, type BillingService } from "@heddle/contracts/billing/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { newAccount } from "../account.ts";
import { accountMessage } from "../messages.ts";
import type { Deps } from "./deps.ts";

/** Opens the account of a customer, in the currency of its credit limit. */
export const openAccount =
  ({
    accounts,
    store,
    clock,
    ids,
  }: Pick<Deps, "accounts" | "store" | "clock" | "ids">): Handler<typeof BillingService.method.openAccount> =>
  ({ customerId, creditLimit: { currencyCode, minorUnits: creditLimit } = NO_LIMIT }) =>
    store.write(async (tx) => {
      const opened = newAccount({ id: ids.next("acc"), customerId, currencyCode, creditLimit, nowMs: clock.nowMs() });
      await accounts.insert(tx, opened);
      const account = accountMessage(opened);
      await tx.publish(AccountOpenedSchema, { account });
      return { account };
    });

/** Never used: validation refuses a request without a limit. */
const NO_LIMIT = { currencyCode: "", minorUnits: 0n };
