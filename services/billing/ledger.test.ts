import { createIds } from "@heddle/mesh/runtime";
import { fakeClock } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { type Booking, balanced, newBooking } from "./ledger.ts";

const SUBJECT = {
  accountId: "acc_1",
  currencyCode: "EUR",
  authorizationId: "auz_1",
  reference: "ord_1",
  createTimeMs: 1,
};
const ids = createIds({ clock: fakeClock(), random: { bytes: (count) => new Uint8Array(count), below: () => 0 } });

test.each([
  ["capture", "receivable", "sales"],
  ["refund", "sales", "receivable"],
  ["payment", "cash", "receivable"],
] as const)("a %s debits %s and credits %s", (kind, debit, credit) => {
  const booking = newBooking(kind, 70n, SUBJECT, ids);
  expect(booking).toMatchObject({ ...SUBJECT, kind });
  expect(booking.id).toMatch(/^txn_[0-9a-hjkmnp-tv-z]{26}$/);
  expect(booking.entries.map(({ ledgerAccount, side, amount }) => [ledgerAccount, side, amount])).toEqual([
    [debit, "debit", 70n],
    [credit, "credit", 70n],
  ]);
});

test("the entries of a booking have ids of their own", () => {
  const entryIds = newBooking("capture", 1n, SUBJECT, ids).entries.map(({ id }) => id);
  expect(new Set(entryIds).size).toBe(2);
  for (const id of entryIds) expect(id).toMatch(/^ent_[0-9a-hjkmnp-tv-z]{26}$/);
});

test.each([0n, -1n])("a booking of %s is refused", (amount) => {
  expect(() => newBooking("payment", amount, SUBJECT, ids)).toThrow("not positive");
});

test("a booking whose sides differ is refused, with the difference", () => {
  const booking = newBooking("capture", 70n, SUBJECT, ids);
  const [debit, credit] = booking.entries as [Booking["entries"][0], Booking["entries"][0]];
  expect(() => balanced({ ...booking, entries: [debit, { ...credit, amount: 69n }] })).toThrow("by 1");
  expect(() => balanced({ ...booking, entries: [debit, { ...credit, side: "debit" }] })).toThrow("does not balance");
});

test("a booking with less than two entries is refused", () => {
  const booking = newBooking("capture", 70n, SUBJECT, ids);
  expect(() => balanced({ ...booking, entries: booking.entries.slice(0, 1) })).toThrow("double entry");
  expect(() => balanced({ ...booking, entries: [] })).toThrow("double entry");
});
