import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { AccountOpenedSchema, PaymentCapturedSchema } from "@heddle/contracts/billing/v1";
import { CreditScoreComputedSchema } from "@heddle/contracts/creditscore/v2";
import {
  CustomerCreatedSchema,
  CustomerDeletedSchema,
  CustomerState,
  CustomerUpdatedSchema,
} from "@heddle/contracts/customer/v1";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderFulfilledSchema,
  OrderPlacedSchema,
  OrderRejectedSchema,
  OrderState,
} from "@heddle/contracts/order/v1";
import { SourceState } from "@heddle/contracts/overview/v1";
import { NumberRegisteredSchema, NumberVerifiedSchema, RecordErasedSchema } from "@heddle/contracts/socialsecurity/v1";
import type { ReceivedEvent } from "@heddle/mesh/events";
import { systemRuntime } from "@heddle/mesh/runtime";
import { openStore, openTestStore, type Store, sql, type TestStore } from "@heddle/mesh/store";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { customerView } from "./customer-view.ts";
import { ADA, at, dollars } from "./fixtures/fake-owners.ts";
import { received } from "./fixtures/received.ts";
import { viewStore } from "./store.ts";
import type { ViewPayload } from "./view-effects.ts";

const MIGRATIONS = new URL("./migrations/", import.meta.url);
const views = viewStore();
const view = customerView(views);

const open = async (): Promise<TestStore> => {
  const store = await openTestStore(MIGRATIONS);
  onTestFinished(() => store.close());
  return store;
};

const cus = (n: number) => `cus_${String(n).padStart(26, "0")}`;
const person = (n: number, state: CustomerState) => ({
  customer: { id: cus(n), givenName: `Given${n}`, familyName: "Lovelace", email: `${n}@example.com`, state },
});
const account = (n: number, owed: number) => ({
  account: { id: `acc_${n}`, customerId: cus(n), balance: dollars(owed), creditLimit: dollars(1000) },
});
const order = (customer: number, n: number, state: OrderState) => ({
  order: { id: `ord_${customer}_${n}`, customerId: cus(customer), state, createTime: at(n) },
});
const number = (n: number) => ({ customerId: cus(n) });

/** What one key of a feed tells, in order. */
const lifeOf = {
  customer: (n: number): ViewPayload[] => [
    create(CustomerCreatedSchema, person(n, CustomerState.ACTIVE)),
    create(CustomerUpdatedSchema, person(n, CustomerState.ACTIVE)),
    create(CustomerDeletedSchema, person(n, CustomerState.DELETED)),
  ],
  number: (n: number): ViewPayload[] => [
    create(NumberRegisteredSchema, { ...number(n), state: 1 }),
    create(NumberVerifiedSchema, { ...number(n), state: 2, verifyTime: at(5) }),
    create(RecordErasedSchema, { ...number(n), state: 3, verifyTime: at(5) }),
  ],
  account: (n: number): ViewPayload[] => [
    create(AccountOpenedSchema, account(n, 0)),
    create(PaymentCapturedSchema, account(n, 20)),
    create(PaymentCapturedSchema, account(n, 35)),
  ],
  score: (n: number): ViewPayload[] =>
    [500, 510].map((value) =>
      create(CreditScoreComputedSchema, { creditScore: { customerId: cus(n), value, band: 1, createTime: at(value) } }),
    ),
  fulfilledOrder: (n: number): ViewPayload[] => [
    create(OrderPlacedSchema, order(n, 1, OrderState.PENDING)),
    create(OrderConfirmedSchema, order(n, 1, OrderState.CONFIRMED)),
    create(OrderFulfilledSchema, order(n, 1, OrderState.FULFILLED)),
    create(OrderCancelledSchema, order(n, 1, OrderState.CANCELLED)),
  ],
  rejectedOrder: (n: number): ViewPayload[] => [
    create(OrderPlacedSchema, order(n, 2, OrderState.PENDING)),
    create(OrderRejectedSchema, order(n, 2, OrderState.REJECTED)),
  ],
};

/** Everything that ever happened to three customers: one list for each key, whose order is kept. */
const lives: readonly (readonly ReceivedEvent[])[] = [1, 2, 3]
  .flatMap((n) => Object.values(lifeOf).map((life) => life(n)))
  .map((payloads, key) => payloads.map((payload, i) => received(payload, 10 * i + key)));

/** Merges lists into one by always taking from the list that the next choice names, and keeps the order within each. */
const interleaved = (choices: readonly number[]): ReceivedEvent[] => {
  const left = lives.map((life) => [...life]);
  const merged: ReceivedEvent[] = [];
  for (let i = 0; ; i++) {
    const waiting = left.filter((life) => life.length > 0);
    const [next] = waiting[(choices[i % choices.length] ?? 0) % Math.max(1, waiting.length)]?.splice(0, 1) ?? [];
    if (next === undefined) return merged;
    merged.push(next);
  }
};

/** Applies events in batches of one source, as the runtime does: the order within a source is kept. */
const feed = async (store: Store, generation: number, events: readonly ReceivedEvent[], batchSize: number) => {
  for (const ofSource of Map.groupBy(events, ({ source }) => source).values()) {
    for (let from = 0; from < ofSource.length; from += batchSize) {
      await store.write((tx) => view.apply(tx, generation, ofSource.slice(from, from + batchSize)));
    }
  }
};

const overviewRows = sql<{ generation: number }, Record<string, unknown>>(
  "SELECT * FROM overviews WHERE generation = :generation ORDER BY customer_id",
);
const orderRows = sql<{ generation: number }, Record<string, unknown>>(
  "SELECT * FROM overview_orders WHERE generation = :generation ORDER BY order_id",
);

const sourceRows = sql<{ generation: number }, Record<string, unknown>>(
  "SELECT * FROM overview_sources WHERE generation = :generation ORDER BY source",
);

/** All that the tables hold of a generation, byte for byte, but its number. */
const contentOf = (store: Store, generation: number) =>
  store.read(async (reader) => {
    const rows = [
      ...(await reader.all(overviewRows, { generation })),
      ...(await reader.all(orderRows, { generation })),
      ...(await reader.all(sourceRows, { generation })),
    ];
    return rows.map((row) => JSON.stringify({ ...row, generation: 0 }));
  });

test("in whatever order keys come, and in whatever batches, a replay fills the tables with the same bytes", async () => {
  const store = await open();
  await feed(store, 1, lives.flat(), 1);
  const expected = await contentOf(store, 1);
  expect(expected).toHaveLength(3 + 6 + 5);
  let generation = 1;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(17), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      async (choices, batchSize) => {
        generation++;
        await feed(store, generation, interleaved(choices), batchSize);
        expect(await contentOf(store, generation)).toEqual(expected);
      },
    ),
    { numRuns: 50 },
  );
});

test("a history that is applied once more, on top of itself, changes nothing", async () => {
  const store = await open();
  await feed(store, 1, lives.flat(), 7);
  const once = await contentOf(store, 1);
  await feed(store, 1, lives.flat(), 3);
  const counts = (await store.read((reader) => views.find(reader, 1, cus(1))))?.orders;
  expect(counts).toMatchObject({ totalCount: 2, openCount: 0, fulfilledCount: 0, closedCount: 2 });
  expect(await contentOf(store, 1)).toEqual(once);
});

test("a generation is read, built and dropped without the others", async () => {
  const store = await open();
  await feed(store, 1, lives.flat(), 5);
  const before = await contentOf(store, 1);
  await feed(store, 2, lives[0] ?? [], 5);
  expect(await contentOf(store, 1)).toEqual(before);
  expect(await store.read((reader) => views.list(reader, { generation: 2, afterId: "", limit: 9 }))).toHaveLength(1);
  const dropped: number[] = [];
  do dropped.push(await store.write((tx) => view.drop(tx, 1, 4)));
  while (dropped.at(-1) !== 0);
  expect(dropped).toEqual([4, 4, 1, 0]);
  expect(await contentOf(store, 1)).toEqual([]);
  expect(await contentOf(store, 2)).toHaveLength(1 + 1);
});

test("each source holds as of the newest event that was taken in, of whatever customer", async () => {
  const store = await open();
  const created = (n: number, seconds: number) => received(lifeOf.customer(n)[0] as ViewPayload, seconds);
  const opened = (n: number, seconds: number) => received(lifeOf.account(n)[0] as ViewPayload, seconds);
  await feed(store, 1, [created(1, 10), created(2, 20), opened(2, 15), created(3, 12)], 2);
  const ofOne = await store.read((reader) => views.find(reader, 1, cus(1)));
  expect(ofOne?.updateTime).toEqual(at(10));
  expect(ofOne?.sources.map(({ state, readTime }) => [state, readTime])).toEqual([
    [SourceState.OK, at(20)],
    [SourceState.MISSING, undefined],
    [SourceState.MISSING, undefined],
    [SourceState.MISSING, at(15)],
    [SourceState.MISSING, undefined],
  ]);
});

test("events of a service that no overview is made of are refused", async () => {
  const store = await open();
  const [event] = lives.flat();
  if (event === undefined) throw new Error("there is no event");
  await expect(store.write((tx) => view.apply(tx, 1, [{ ...event, source: "auth" }]))).rejects.toThrow(
    "no overview is made of what auth tells",
  );
});

test("once a customer is deleted, no byte of the database holds its name or its address, in any generation", async () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-overview-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "overview.db");
  const store = await openStore({ path, name: "overview", migrations: MIGRATIONS, runtime: systemRuntime() });
  const ada = (state: CustomerState) => ({
    customer: { id: ADA, givenName: "Augusta Ada", familyName: "Lovelace", email: "ada@example.com", state },
  });
  const created = received(create(CustomerCreatedSchema, ada(CustomerState.ACTIVE)), 1);
  const deleted = received(create(CustomerDeletedSchema, ada(CustomerState.DELETED)), 2);
  // Neighbours that are written in between move rows from page to page.
  const others = Array.from({ length: 200 }, (_, n) =>
    received(lifeOf.customer(n)[0] ?? (created.message as ViewPayload), 1),
  );
  for (const generation of [1, 2]) {
    for (const events of [[created], others, [deleted]]) {
      await store.write((tx) => view.apply(tx, generation, events));
    }
  }
  expect((await store.read((reader) => views.find(reader, 2, ADA)))?.customer).toMatchObject({
    displayName: "",
    email: "",
    active: false,
  });
  await store.close();
  const bytes = Buffer.concat(readdirSync(folder).map((file) => readFileSync(join(folder, file))));
  expect(bytes.includes("Given7")).toBe(true);
  expect(["Augusta", "ada@example.com"].filter((personal) => bytes.includes(personal))).toEqual([]);
});
