import type { BillingService } from "@heddle/contracts/billing/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { accountMessage } from "../messages.ts";
import type { Deps } from "./deps.ts";
import { requireAccount } from "./require.ts";

/** Returns one account, by its id or by its customer. Holds whose time is over do not count, written down or not. */
export const getAccount =
  (deps: Pick<Deps, "accounts" | "store" | "clock">): Handler<typeof BillingService.method.getAccount> =>
  async ({ lookup }) => {
    const nowMs = deps.clock.nowMs();
    const account = await deps.store.read((reader) => requireAccount(deps, reader, lookup, nowMs));
    return { account: accountMessage(account) };
  };
