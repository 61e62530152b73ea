import { mkdirSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { type AuthorizePaymentRequest, AuthorizePaymentRequestSchema } from "@heddle/contracts/billing/v1";
import { CustomerState } from "@heddle/contracts/customer/v1";
import { OrderSchema, OrderState, OrderRejectionReason as Reason } from "@heddle/contracts/order/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { openStore, type Store, sql } from "@heddle/mesh/store";
import { expect, test } from "vitest";
import { fakeOwners } from "./fixtures/fake-owners.ts";
import { ADA, dollars, freshFolder, LINES, REQUEST_ID, startOrder } from "./fixtures/start-order.ts";

const { PENDING, CONFIRMED, REJECTED } = OrderState;
const HELD = `ord_${"0".repeat(25)}1`;
const UNCHECKED = `ord_${"0".repeat(25)}2`;
const DONE = `ord_${"0".repeat(25)}3`;

const insertOrder = sql<{
  id: string;
  state: number;
  auz: string;
  checked: number;
  dueMs: number | null;
  requestId: string | null;
  lines: Uint8Array;
}>(`
  INSERT INTO orders (id, customer_id, currency_code, total_minor_units, state, rejection_reason, authorization_id, create_time_ms,
    update_time_ms, request_id, request_hash, checks_passed, due_time_ms, attempts, lines)
  VALUES (:id, '${ADA}', 'USD', 3990, :state, 0, :auz, 1, 1, :requestId, NULL, :checked, :dueMs, 3, :lines)`);

const insertTransition = sql<{ id: string }>(
  "INSERT INTO order_transitions (order_id, sequence, from_state, to_state, reason, create_time_ms) VALUES (:id, 1, 0, 1, '', 1)",
);

const confirm = sql<{ id: string; auz: string }>("UPDATE orders SET state = 2, authorization_id = :auz WHERE id = :id");

/** The store with methods that can be taken off it. */
const bound = (store: Store): Store => ({
  read: (job) => store.read(job),
  write: (job, options) => store.write(job, options),
  onEvents: (listener) => store.onEvents(listener),
  findReply: (method, requestId) => store.findReply(method, requestId),
  backup: (path, progress) => store.backup(path, progress),
  close: () => store.close(),
});

/** The database of the release before sagas, with one order that is confirmed and two that are pending. */
const oldDatabase = async (): Promise<string> => {
  const dataFolder = freshFolder();
  const released = join(dataFolder, "released");
  mkdirSync(released);
  const file = "0001-create-orders.sql";
  await cp(new URL(`./migrations/${file}`, import.meta.url), join(released, file));
  const store = await openStore({
    path: join(dataFolder, "order", "order.db"),
    name: "order",
    migrations: pathToFileURL(`${released}/`),
    runtime: systemRuntime(),
  });
  const lines = toBinary(OrderSchema, create(OrderSchema, { lines: LINES }));
  await store.write(async (tx) => {
    const row = { auz: "", checked: 0, requestId: null, lines };
    await tx.run(insertOrder, { ...row, id: HELD, state: PENDING, checked: 1, dueMs: 5, requestId: REQUEST_ID });
    await tx.run(insertOrder, { ...row, id: UNCHECKED, state: PENDING, dueMs: 5 });
    await tx.run(insertOrder, { ...row, id: DONE, state: CONFIRMED, auz: "auz_1", dueMs: null });
    for (const id of [HELD, UNCHECKED]) await tx.run(insertTransition, { id });
  });
  await store.close();
  return dataFolder;
};

/** Owners whose billing holds the total of an order that the old release has asked for. */
const owning = () => {
  const owners = fakeOwners();
  const request: AuthorizePaymentRequest = create(AuthorizePaymentRequestSchema, {
    reference: HELD,
    amount: dollars(3990),
  });
  owners.billing.payments.set("auz_old", { state: "authorized", request });
  return owners;
};

test("orders that a release before sagas left pending are settled, with what is held for them already", async () => {
  const owners = owning();
  const { read, pass, history } = await startOrder({ owners, dataFolder: await oldDatabase() });
  await pass(3_000);
  expect(await read(HELD)).toMatchObject({ state: CONFIRMED, authorizationId: "auz_old" });
  expect(await read(UNCHECKED)).toMatchObject({ state: CONFIRMED });
  expect(await read(DONE)).toMatchObject({ state: CONFIRMED, authorizationId: "auz_1" });
  expect(await history(HELD)).toEqual([PENDING, CONFIRMED]);
  expect([...owners.billing.payments.values()].map(({ state }) => state)).toEqual(["authorized", "authorized"]);
});

test("what is held for one of them is given up when it cannot be confirmed by now", async () => {
  const owners = owning();
  owners.customerState = () => CustomerState.DELETED;
  const { read, pass } = await startOrder({ owners, dataFolder: await oldDatabase() });
  await pass(3_000);
  expect(await read(HELD)).toMatchObject({ state: REJECTED, rejectionReason: Reason.CUSTOMER_NOT_ACTIVE });
  expect(owners.billing.payments.get("auz_old")?.state).toBe("voided");
});

test("one that another process on the same store confirms meanwhile is left as it is, with what is held for it", async () => {
  const owners = owning();
  owners.customerState = () => CustomerState.DELETED;
  const seen = { reads: 0 };
  const { read, pass, sagas } = await startOrder({
    owners,
    dataFolder: await oldDatabase(),
    storeSeen: (store) => ({
      ...bound(store),
      async read(job) {
        const found = await store.read(job);
        // Between the look for pending orders and the transaction that takes them up.
        if (++seen.reads === 1) await store.write((tx) => tx.run(confirm, { id: HELD, auz: "auz_old" }));
        return found;
      },
    }),
  });
  await pass(3_000);
  expect(await read(HELD)).toMatchObject({ state: CONFIRMED, authorizationId: "auz_old" });
  expect(owners.billing.payments.get("auz_old")?.state).toBe("authorized");
  expect((await sagas.listSagas({ key: HELD })).sagas).toEqual([]);
});
