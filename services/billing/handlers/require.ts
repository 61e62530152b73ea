import { fail } from "@heddle/mesh/contract";
import type { Reader } from "@heddle/mesh/store";
import type { Account } from "../account.ts";
import { type Authorization, asOf } from "../authorization.ts";
import { ACCOUNT_NOT_FOUND, AUTHORIZATION_NOT_FOUND, CUSTOMER_WITHOUT_ACCOUNT } from "../errors.ts";
import type { Deps } from "./deps.ts";

// A transaction asks the clock once: a hold must not end between two of its questions.

/** By what a request names an account: one of the two, as validation has made sure. */
export interface AccountLookup {
  readonly case: "accountId" | "customerId" | undefined;
  readonly value?: string | undefined;
}

/** The account that a request names, as the clock leaves it. Throws ACCOUNT_NOT_FOUND. */
export const requireAccount = async (
  { accounts }: Pick<Deps, "accounts">,
  reader: Reader,
  lookup: AccountLookup,
  nowMs: number,
): Promise<Account> => {
  const { value: id = "" } = lookup;
  const byCustomer = lookup.case === "customerId";
  const account = await (byCustomer ? accounts.findOfCustomer(reader, id, nowMs) : accounts.find(reader, id, nowMs));
  if (account !== undefined) return account;
  throw byCustomer ? fail(CUSTOMER_WITHOUT_ACCOUNT, { customerId: id }) : fail(ACCOUNT_NOT_FOUND, { accountId: id });
};

/** An authorization, as the clock leaves it, and its account. Throws AUTHORIZATION_NOT_FOUND. */
export const requireAuthorization = async (
  deps: Pick<Deps, "accounts" | "authorizations">,
  reader: Reader,
  authorizationId: string,
  nowMs: number,
): Promise<{ authorization: Authorization; account: Account }> => {
  const found = await deps.authorizations.find(reader, authorizationId);
  if (found === undefined) throw fail(AUTHORIZATION_NOT_FOUND, { authorizationId });
  const account = await requireAccount(deps, reader, { case: "accountId", value: found.accountId }, nowMs);
  return { authorization: asOf(found, nowMs), account };
};
