import {
  type Authorization as AuthorizationMessage,
  type BillingService,
  PaymentVoidedSchema,
} from "@heddle/contracts/billing/v1";
import type { Handler } from "@heddle/mesh/rpc";
import type { Reader, Tx } from "@heddle/mesh/store";
import { withHoldEnded } from "../account.ts";
import { type Authorization, asOf, voided } from "../authorization.ts";
import { expireHold } from "../expire-holds.ts";
import { accountMessage, authorizationMessage } from "../messages.ts";
import type { Deps } from "./deps.ts";
import { requireAccount } from "./require.ts";

/** Gives up what is held for a reference, and what an authorization that is still on its way would hold. */
export const voidReference =
  (deps: Omit<Deps, "ledger" | "ids">): Handler<typeof BillingService.method.voidReference> =>
  ({ customerId, reference }) =>
    deps.store.write(async (tx) => {
      const { accounts, authorizations } = deps;
      const nowMs = deps.clock.nowMs();
      const known = await authorizations.findVoidedReference(tx, customerId, reference);
      if (known !== undefined) return reply(await found(deps, tx, known.authorizationId));
      const account = await accounts.findOfCustomer(tx, customerId, nowMs);
      const live = account && (await authorizations.findLive(tx, account.id, reference));
      const given = live && (await giveUp(deps, tx, live, nowMs));
      await authorizations.giveUpReference(tx, { customerId, reference, authorizationId: given?.id ?? null, nowMs });
      return reply(given);
    });

/** Ends the hold of a live authorization. Throws AUTHORIZATION_NOT_VOIDABLE. */
const giveUp = async (
  deps: Omit<Deps, "ledger" | "ids">,
  tx: Tx,
  live: Authorization,
  nowMs: number,
): Promise<Authorization> => {
  const current = asOf(live, nowMs);
  if (current !== live) {
    await expireHold(deps, tx, live, nowMs);
    return current;
  }
  const payer = await requireAccount(deps, tx, { case: "accountId", value: live.accountId }, nowMs);
  const next = voided(live, nowMs);
  const released = withHoldEnded(payer, { held: live.amount, charged: 0n }, nowMs);
  await deps.accounts.update(tx, payer, released);
  await deps.authorizations.update(tx, next);
  await tx.publish(PaymentVoidedSchema, {
    account: accountMessage(released),
    authorization: authorizationMessage(next),
  });
  return next;
};

const found = async ({ authorizations }: Pick<Deps, "authorizations">, reader: Reader, id: string | null) =>
  id === null ? undefined : authorizations.find(reader, id);

const reply = (given: Authorization | undefined): { authorization?: AuthorizationMessage } =>
  given === undefined ? {} : { authorization: authorizationMessage(given) };
