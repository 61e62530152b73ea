import type { LedgerAccount, LedgerSide } from "./ledger.ts";

/** What the entries of one side of one account of the books add up to, in minor units of one currency. */
export interface LedgerSum {
  readonly currencyCode: string;
  readonly ledgerAccount: LedgerAccount;
  readonly side: LedgerSide;
  readonly total: bigint;
}

/** The books in one currency. Totals are minor units. */
export interface TrialBalance {
  readonly currencyCode: string;
  readonly lines: readonly TrialBalanceLine[];
  readonly debitTotal: bigint;
  readonly creditTotal: bigint;
  readonly balanced: boolean;
}

export interface TrialBalanceLine {
  readonly ledgerAccount: LedgerAccount;
  readonly debitTotal: bigint;
  readonly creditTotal: bigint;
}

const LEDGER_ACCOUNTS: readonly LedgerAccount[] = ["receivable", "sales", "cash"];

/** The trial balances that partial sums, in any number and order, add up to: by currency code. */
export const trialBalances = (sums: readonly LedgerSum[]): TrialBalance[] =>
  [...Map.groupBy(sums, ({ currencyCode }) => currencyCode)]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([currencyCode, ofCurrency]) => trialBalance(currencyCode, ofCurrency));

const trialBalance = (currencyCode: string, sums: readonly LedgerSum[]): TrialBalance => {
  const lines = LEDGER_ACCOUNTS.flatMap((ledgerAccount) => {
    const ofAccount = sums.filter((sum) => sum.ledgerAccount === ledgerAccount);
    return ofAccount.length === 0 ? [] : [{ ledgerAccount, ...totalsOf(ofAccount) }];
  });
  const { debitTotal, creditTotal } = totalsOf(sums);
  return { currencyCode, lines, debitTotal, creditTotal, balanced: debitTotal === creditTotal };
};

const totalsOf = (sums: readonly LedgerSum[]) => ({
  debitTotal: totalOf(sums, "debit"),
  creditTotal: totalOf(sums, "credit"),
});

const totalOf = (sums: readonly LedgerSum[], side: LedgerSide): bigint =>
  sums.reduce((total, sum) => (sum.side === side ? total + sum.total : total), 0n);
