import type { BillingService } from "@heddle/contracts/billing/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { trialBalanceMessage } from "../messages.ts";
import { ENTRIES_PER_SUM_MAX } from "../store/ledger-store.ts";
import { type LedgerSum, trialBalances } from "../trial-balance.ts";
import type { Deps } from "./deps.ts";

/**
 * Sums the whole ledger as it was at one moment. It is read in pieces, between which others get their turn: since entries
 * never change, those up to the last one of that moment are the ledger of that moment, also when more have been added.
 */
export const getTrialBalance =
  ({
    ledger,
    store,
    clock,
  }: Pick<Deps, "ledger" | "store" | "clock">): Handler<typeof BillingService.method.getTrialBalance> =>
  async ({ currencyCode }) => {
    const readTime = clock.now();
    const last = await store.read((reader) => ledger.lastSequence(reader));
    const sums: LedgerSum[] = [];
    for (let after = 0n; after < last; after += BigInt(ENTRIES_PER_SUM_MAX)) {
      sums.push(...(await store.read((reader) => ledger.sum(reader, { after, last, currencyCode }))));
    }
    return { trialBalances: trialBalances(sums).map(trialBalanceMessage), readTime };
  };
