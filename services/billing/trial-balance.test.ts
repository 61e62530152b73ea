import { expect, test } from "vitest";
import type { LedgerAccount, LedgerSide } from "./ledger.ts";
import { trialBalances } from "./trial-balance.ts";

const sum = (currencyCode: string, ledgerAccount: LedgerAccount, side: LedgerSide, total: bigint) => ({
  currencyCode,
  ledgerAccount,
  side,
  total,
});

test("books without an entry have no trial balance", () => {
  expect(trialBalances([])).toEqual([]);
});

test("each account of the books has a line, each currency a balance", () => {
  const sums = [
    sum("USD", "receivable", "debit", 5n),
    sum("USD", "sales", "credit", 5n),
    sum("EUR", "receivable", "debit", 70n),
    sum("EUR", "sales", "credit", 70n),
    sum("EUR", "cash", "debit", 30n),
    sum("EUR", "receivable", "credit", 30n),
  ];
  expect(trialBalances(sums)).toEqual([
    {
      currencyCode: "EUR",
      lines: [
        { ledgerAccount: "receivable", debitTotal: 70n, creditTotal: 30n },
        { ledgerAccount: "sales", debitTotal: 0n, creditTotal: 70n },
        { ledgerAccount: "cash", debitTotal: 30n, creditTotal: 0n },
      ],
      debitTotal: 100n,
      creditTotal: 100n,
      balanced: true,
    },
    {
      currencyCode: "USD",
      lines: [
        { ledgerAccount: "receivable", debitTotal: 5n, creditTotal: 0n },
        { ledgerAccount: "sales", debitTotal: 0n, creditTotal: 5n },
      ],
      debitTotal: 5n,
      creditTotal: 5n,
      balanced: true,
    },
  ]);
});

test("partial sums of one account add up", () => {
  const sums = [
    sum("EUR", "cash", "debit", 30n),
    sum("EUR", "receivable", "credit", 30n),
    sum("EUR", "cash", "debit", 12n),
    sum("EUR", "receivable", "credit", 12n),
  ];
  expect(trialBalances(sums)[0]).toMatchObject({
    lines: [
      { ledgerAccount: "receivable", creditTotal: 42n },
      { ledgerAccount: "cash", debitTotal: 42n },
    ],
  });
});

test("books whose debits and credits differ are said to be broken", () => {
  const [balance] = trialBalances([sum("EUR", "cash", "debit", 30n), sum("EUR", "receivable", "credit", 29n)]);
  expect(balance).toMatchObject({ debitTotal: 30n, creditTotal: 29n, balanced: false });
});

test("totals past 64 bits are exact", () => {
  const large = 2n ** 63n - 1n;
  const [balance] = trialBalances(Array.from({ length: 3 }, () => sum("EUR", "cash", "debit", large)));
  expect(balance?.debitTotal).toBe(3n * large);
});
