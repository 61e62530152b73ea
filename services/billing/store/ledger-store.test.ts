import { systemRuntime } from "@heddle/mesh/runtime";
import { openTestStore, type Params, sql, type Tx } from "@heddle/mesh/store";
import { expect, onTestFinished, test } from "vitest";
import { newAccount } from "../account.ts";
import { newBooking } from "../ledger.ts";
import { accountStore } from "./account-store.ts";
import { ENTRIES_PER_SUM_MAX, ledgerStore } from "./ledger-store.ts";

const { ids } = systemRuntime();
const ACCOUNT = "acc_1";
const SUBJECT = { accountId: ACCOUNT, currencyCode: "USD", authorizationId: "", reference: "", createTimeMs: 0 };

/** A store with one account in USD, on which a payment of 5 is booked. */
const start = async () => {
  const store = await openTestStore(new URL("../migrations/", import.meta.url));
  onTestFinished(() => store.close());
  const ledger = ledgerStore();
  const posted = newBooking("payment", 5n, SUBJECT, ids);
  await store.write(async (tx) => {
    const account = newAccount({ id: ACCOUNT, customerId: "cus_1", currencyCode: "USD", creditLimit: 1n, nowMs: 0 });
    await accountStore().insert(tx, account);
    await ledger.post(tx, posted);
  });
  const entries = () =>
    store.read((reader) => ledger.list(reader, { accountId: "", beforeSequence: undefined, limit: 9 }));
  return { store, ledger, posted, entries };
};

const run = (tx: Tx, text: string, params: Params = {}) => tx.run(sql(text), params);

const insertEntry = (
  tx: Tx,
  entry: { id: string; transaction: string; side: string; amount: number; currency?: string },
) =>
  run(
    tx,
    `INSERT INTO ledger_entries (id, transaction_id, account_id, currency_code, ledger_account, side, amount)
     VALUES (:id, :transaction, '${ACCOUNT}', :currency, 'cash', :side, :amount)`,
    { currency: "USD", ...entry },
  );

const post = (tx: Tx, id: string, how = "INSERT") =>
  run(
    tx,
    `${how} INTO ledger_transactions (id, account_id, currency_code, kind, authorization_id, reference, create_time_ms)
     VALUES (:id, '${ACCOUNT}', 'USD', 'payment', NULL, '', 0)`,
    { id },
  );

test.each([
  ["UPDATE ledger_entries SET amount = amount + 1", "a ledger entry never changes"],
  ["DELETE FROM ledger_entries", "a ledger entry is never removed"],
  ["UPDATE ledger_transactions SET reference = 'x'", "a ledger transaction never changes"],
  ["DELETE FROM ledger_transactions", "a ledger transaction is never removed"],
  ["INSERT OR REPLACE INTO ledger_entries SELECT * FROM ledger_entries", "a posted ledger transaction takes no more"],
  [
    "INSERT OR REPLACE INTO ledger_entries SELECT sequence, 'ent_new', 'txn_new', account_id, currency_code, ledger_account, side, amount FROM ledger_entries",
    "a ledger entry is written once",
  ],
  [
    "INSERT OR REPLACE INTO ledger_transactions SELECT * FROM ledger_transactions",
    "a ledger transaction is posted once",
  ],
])("the database refuses %s", async (statement, message) => {
  const { store, entries } = await start();
  const before = await entries();
  await expect(store.write((tx) => run(tx, statement))).rejects.toThrow(message);
  expect(await entries()).toEqual(before);
});

test("the database posts no transaction whose entries do not sum to zero", async () => {
  const { store, entries } = await start();
  const unequal = store.write(async (tx) => {
    await insertEntry(tx, { id: "ent_a", transaction: "txn_a", side: "debit", amount: 5 });
    await insertEntry(tx, { id: "ent_b", transaction: "txn_a", side: "credit", amount: 4 });
    await post(tx, "txn_a");
  });
  await expect(unequal).rejects.toThrow("must sum to zero");
  await expect(store.write((tx) => post(tx, "txn_b"))).rejects.toThrow("must sum to zero");
  expect(await entries()).toHaveLength(2);
});

test("entries that were never posted cannot be committed", async () => {
  const { store, entries } = await start();
  const unposted = store.write(async (tx) => {
    await insertEntry(tx, { id: "ent_a", transaction: "txn_a", side: "debit", amount: 5 });
    await insertEntry(tx, { id: "ent_b", transaction: "txn_a", side: "credit", amount: 5 });
  });
  await expect(unposted).rejects.toThrow("FOREIGN KEY constraint failed");
  expect(await entries()).toHaveLength(2);
});

test("a posted transaction takes no more entries", async () => {
  const { store, posted } = await start();
  const late = store.write((tx) => insertEntry(tx, { id: "ent_a", transaction: posted.id, side: "debit", amount: 5 }));
  await expect(late).rejects.toThrow("takes no more entries");
});

test("a transaction of two currencies is refused", async () => {
  const { store } = await start();
  const mixed = store.write(async (tx) => {
    await insertEntry(tx, { id: "ent_a", transaction: "txn_a", side: "debit", amount: 5 });
    await insertEntry(tx, { id: "ent_b", transaction: "txn_a", side: "credit", amount: 5, currency: "EUR" });
    await post(tx, "txn_a");
  });
  await expect(mixed).rejects.toThrow("in the currency of the account");
});

test("pieces of the ledger add up to the whole, and none overflows", async () => {
  const { store, ledger } = await start();
  const bookings = ENTRIES_PER_SUM_MAX / 2;
  await store.write(async (tx) => {
    for (let i = 0; i < bookings; i++) await ledger.post(tx, newBooking("payment", 10n ** 15n, SUBJECT, ids));
  });
  const last = await store.read((reader) => ledger.lastSequence(reader));
  expect(last).toBe(BigInt(ENTRIES_PER_SUM_MAX) + 2n);
  const cash = async (after: bigint) => {
    const sums = await store.read((reader) => ledger.sum(reader, { after, last, currencyCode: "" }));
    return sums.find(({ ledgerAccount, side }) => ledgerAccount === "cash" && side === "debit")?.total ?? 0n;
  };
  expect((await cash(0n)) + (await cash(BigInt(ENTRIES_PER_SUM_MAX)))).toBe(5n + BigInt(bookings) * 10n ** 15n);
});
