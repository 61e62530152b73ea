import { openTestStore, type Params, sql, type Tx } from "@heddle/mesh/store";
import { expect, onTestFinished, test } from "vitest";

const run = (tx: Tx, text: string, params: Params = {}) => tx.run(sql(text), params);

const insertAuthorization = (tx: Tx, id: string, reference: string, state = "authorized", captured = 0, refunded = 0) =>
  run(
    tx,
    `INSERT INTO authorizations (id, account_id, reference, amount, captured_amount, refunded_amount, state,
       expire_time_ms, create_time_ms, update_time_ms)
     VALUES (:id, 'acc_1', :reference, 100, :captured, :refunded, :state, 10, 0, 0)`,
    { id, reference, state, captured, refunded },
  );

/** A database with one account and one hold of 100, as `auz_1` for `ord_1`. */
const start = async () => {
  const store = await openTestStore(new URL("./migrations/", import.meta.url));
  onTestFinished(() => store.close());
  await store.write(async (tx) => {
    await run(tx, "INSERT INTO accounts VALUES ('acc_1', 'cus_1', 'EUR', 1000, 0, 100, 0, 0)");
    await insertAuthorization(tx, "auz_1", "ord_1");
  });
  return { write: (text: string) => store.write((tx) => run(tx, text)), store };
};

test("an entry alone is no booking", async () => {
  const { store } = await start();
  const single = store.write(async (tx) => {
    await run(
      tx,
      `INSERT INTO ledger_entries (id, transaction_id, account_id, currency_code, ledger_account, side, amount)
       VALUES ('ent_1', 'txn_1', 'acc_1', 'EUR', 'cash', 'debit', 5)`,
    );
    await run(tx, "INSERT INTO ledger_transactions VALUES ('txn_1', 'acc_1', 'EUR', 'payment', NULL, '', 0)");
  });
  await expect(single).rejects.toThrow("must sum to zero");
});

test.each(["UPDATE accounts SET customer_id = 'cus_2'", "UPDATE accounts SET currency_code = 'USD'"])(
  "an account keeps its owner and its currency: %s",
  async (statement) => {
    const { write } = await start();
    await expect(write(statement)).rejects.toThrow("an account keeps its customer and its currency");
  },
);

test.each([
  "UPDATE accounts SET credit_limit = -1",
  "UPDATE accounts SET credit_limit = 1000000000000001",
  "UPDATE accounts SET balance = -1000000000000001",
  "UPDATE accounts SET held_amount = -1",
  "INSERT INTO accounts VALUES ('acc_2', 'cus_2', 'eur', 1000, 0, 0, 0, 0)",
])("an account keeps within its bounds: %s", async (statement) => {
  const { write } = await start();
  await expect(write(statement)).rejects.toThrow("CHECK constraint failed");
});

test("a customer has one account", async () => {
  const { write } = await start();
  const second = write("INSERT INTO accounts VALUES ('acc_2', 'cus_1', 'USD', 1, 0, 0, 0, 0)");
  await expect(second).rejects.toThrow("UNIQUE constraint failed: accounts.customer_id");
});

test("one payment holds a reference at a time", async () => {
  const { store, write } = await start();
  const again = () => store.write((tx) => insertAuthorization(tx, "auz_2", "ord_1"));
  await expect(again()).rejects.toThrow("UNIQUE constraint failed");
  await write("UPDATE authorizations SET state = 'captured', captured_amount = 100");
  await expect(again()).rejects.toThrow("UNIQUE constraint failed");
  await write("UPDATE authorizations SET state = 'refunded', refunded_amount = 100");
  await again();
});

test.each([
  ["authorized", 1, 0],
  ["voided", 1, 0],
  ["expired", 1, 0],
  ["captured", 0, 0],
  ["captured", 50, 50],
  ["captured", 101, 0],
  ["refunded", 0, 0],
  ["refunded", 50, 49],
  ["refunded", 50, 51],
  ["settled", 0, 0],
])("nothing is %s with %d captured and %d refunded of 100", async (state, captured, refunded) => {
  const { store } = await start();
  const insertion = store.write((tx) => insertAuthorization(tx, "auz_2", "ord_2", state, captured, refunded));
  await expect(insertion).rejects.toThrow("CHECK constraint failed");
});

/** A statement that brings a hold of 100 to each state. */
const TO = {
  authorized: "UPDATE authorizations SET state = 'authorized', captured_amount = 0, refunded_amount = 0",
  captured: "UPDATE authorizations SET state = 'captured', captured_amount = 100, refunded_amount = 0",
  voided: "UPDATE authorizations SET state = 'voided', captured_amount = 0, refunded_amount = 0",
  refunded: "UPDATE authorizations SET state = 'refunded', captured_amount = 100, refunded_amount = 100",
  expired: "UPDATE authorizations SET state = 'expired', captured_amount = 0, refunded_amount = 0",
} as const;
type State = keyof typeof TO;
const STATES = Object.keys(TO) as State[];
const STEPS: Readonly<Record<State, readonly State[]>> = {
  authorized: ["captured", "voided", "expired"],
  captured: ["refunded"],
  voided: [],
  refunded: [],
  expired: [],
};

test.each(STATES.flatMap((from) => STATES.map((to) => ({ from, to, exists: STEPS[from].includes(to) }))))(
  "the step from $from to $to exists: $exists",
  async ({ from, to, exists }) => {
    const { write } = await start();
    if (from === "refunded") await write(TO.captured);
    if (from !== "authorized") await write(TO[from]);
    if (exists) await write(TO[to]);
    else await expect(write(TO[to])).rejects.toThrow("an authorization moves forward only");
  },
);

test.each([
  "UPDATE authorizations SET state = 'captured', captured_amount = 60, amount = 60",
  "UPDATE authorizations SET state = 'voided', id = 'auz_9'",
])("a step changes neither amount nor name of an authorization: %s", async (statement) => {
  const { write } = await start();
  await expect(write(statement)).rejects.toThrow("an authorization moves forward only");
});

test("a refund can only grow, and never changes what was captured", async () => {
  const { write } = await start();
  await write(TO.captured);
  await write("UPDATE authorizations SET refunded_amount = 30");
  const forward = "an authorization moves forward only";
  await expect(write("UPDATE authorizations SET refunded_amount = 29")).rejects.toThrow(forward);
  await expect(write("UPDATE authorizations SET refunded_amount = 40, captured_amount = 90")).rejects.toThrow(forward);
});
