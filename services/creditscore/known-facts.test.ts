import { expect, test } from "vitest";
import { learned, nothingKnown, scoreInputs } from "./known-facts.ts";

const ADA = `cus_${"0".repeat(25)}1`;
const DAY_MS = 86_400_000;
const account = (creditLimit: number, creditInUse: number) => ({ creditLimit, creditInUse, openTimeMs: 0 });

test("of a customer that nobody has told of, the id alone is known", () => {
  expect(scoreInputs(nothingKnown(ADA))).toEqual({
    customerId: ADA,
    paymentCount: 0,
    refundCount: 0,
    numberVerified: false,
    creditUse: undefined,
    accountAgeDays: 0,
  });
});

test("news add to counts, and replace what can be one thing at a time", () => {
  let facts = learned(nothingKnown(ADA), { payments: 1, account: account(100, 10) }, 5);
  facts = learned(facts, { refunds: 1, numberVerified: true }, 6);
  facts = learned(facts, { payments: 1, account: account(100, 70) }, 7);
  expect(facts).toMatchObject({ paymentCount: 2, refundCount: 1, numberVerified: true, asOfMs: 7 });
  expect(facts.account?.creditInUse).toBe(70);
  expect(learned(facts, { numberVerified: false }, 8).numberVerified).toBe(false);
});

test.each([
  ["nothing in use", account(100, 0), 0],
  ["half in use", account(100, 50), 0.5],
  ["more than the limit in use, which was lowered", account(100, 150), 1.5],
  ["more paid than owed", account(100, -50), 0],
  ["a line of zero, nothing owed", account(0, 0), undefined],
  ["a line of zero, something owed", account(0, 1), 1],
])("%s is a use of the credit line that the model can take", (_, known, use) => {
  expect(scoreInputs(learned(nothingKnown(ADA), { account: known }, 0)).creditUse).toBe(use);
});

test("an account is as old as at the latest event, and never younger than new", () => {
  const opened = learned(nothingKnown(ADA), { account: { ...account(1, 0), openTimeMs: 10 * DAY_MS } }, 30 * DAY_MS);
  expect(scoreInputs(opened).accountAgeDays).toBe(20);
  expect(scoreInputs(learned(opened, {}, 25 * DAY_MS)).accountAgeDays).toBe(20);
  const early = learned(nothingKnown(ADA), { account: { ...account(1, 0), openTimeMs: 10 * DAY_MS } }, 9 * DAY_MS);
  expect(scoreInputs(early).accountAgeDays).toBe(0);
});
