import { type BillingService, ListLedgerEntriesRequestSchema } from "@heddle/contracts/billing/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { ledgerEntryMessage } from "../messages.ts";
import type { Deps } from "./deps.ts";
import { requireAccount } from "./require.ts";

const PAGE_SIZES = { defaultSize: 100, maxSize: 1000 } as const;

/** Lists the entries of one account, or of all, latest first. */
export const listLedgerEntries =
  (
    deps: Pick<Deps, "accounts" | "ledger" | "store" | "clock">,
  ): Handler<typeof BillingService.method.listLedgerEntries> =>
  async (request) => {
    const { size, after } = pageOf(ListLedgerEntriesRequestSchema, request, PAGE_SIZES);
    const { accountId } = request;
    const rows = await deps.store.read(async (reader) => {
      if (accountId !== "") {
        await requireAccount(deps, reader, { case: "accountId", value: accountId }, deps.clock.nowMs());
      }
      return deps.ledger.list(reader, { accountId, beforeSequence: after?.[0], limit: size + 1 });
    });
    const { items, last } = takePage(rows, size);
    return {
      ledgerEntries: items.map(({ entry, booking }) => ledgerEntryMessage(entry, booking)),
      nextPageToken: last ? nextPageToken(ListLedgerEntriesRequestSchema, request, [String(last.sequence)]) : "",
    };
  };
