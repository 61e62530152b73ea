import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { CustomerCreatedSchema, CustomerState } from "@heddle/contracts/customer/v1";
import { OrderCancelledSchema, OrderFulfilledSchema, OrderPlacedSchema, OrderState } from "@heddle/contracts/order/v1";
import { OverviewService, SourceState } from "@heddle/contracts/overview/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { openStore } from "@heddle/mesh/store";
import { expectFailure, startTestService } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { customerView } from "./customer-view.ts";
import { ADA, at, fakeOwners } from "./fixtures/fake-owners.ts";
import { received } from "./fixtures/received.ts";
import { overview } from "./service.ts";
import { viewStore } from "./store.ts";
import type { ViewPayload } from "./view-effects.ts";

/** A service whose view has seen these events, one second apart, each in a transaction of its own. */
const startAfter = async (payloads: readonly ViewPayload[]) => {
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-overview-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const store = await openStore({
    path: join(dataFolder, "overview", "overview.db"),
    name: "overview",
    migrations: new URL("./migrations/", import.meta.url),
    runtime: systemRuntime(),
  });
  const view = customerView(viewStore());
  for (const [i, payload] of payloads.entries()) {
    await store.write((tx) => view.apply(tx, 1, [received(payload, i)]));
  }
  await store.close();
  const service = await startTestService(overview, { dataFolder, others: fakeOwners() });
  onTestFinished(() => service.stop());
  return service.client(OverviewService);
};

const customerId = (n: number) => `cus_${String(n).padStart(26, "0")}`;
const created = (id: string) =>
  create(CustomerCreatedSchema, {
    customer: { id, givenName: "Ada", familyName: "Lovelace", state: CustomerState.ACTIVE },
  });
const order = (id: string, state: OrderState) => ({ order: { id, customerId: ADA, state, createTime: at(0) } });

test("a customer that no event has named is NOT_FOUND in the view, and says so", async () => {
  const client = await startAfter([]);
  const failure = await expectFailure(client.getCustomerOverview({ customerId: ADA }));
  expect(failure).toMatchObject({
    code: "NotFound",
    reason: "CUSTOMER_OVERVIEW_NOT_FOUND",
    domain: "overview.v1",
    metadata: { customerId: ADA },
  });
  expect(failure.message).toContain("No event");
});

test("a composition writes nothing into the view", async () => {
  const client = await startAfter([]);
  await client.composeCustomerOverview({ customerId: ADA });
  expect((await client.listCustomerOverviews({})).customerOverviews).toEqual([]);
});

test("the view shows what the events told, as of when, over transactions and a restart", async () => {
  const client = await startAfter([
    created(ADA),
    create(OrderPlacedSchema, order("ord_a", OrderState.PENDING)),
    create(OrderPlacedSchema, order("ord_b", OrderState.PENDING)),
    create(OrderFulfilledSchema, order("ord_a", OrderState.FULFILLED)),
    create(OrderCancelledSchema, order("ord_a", OrderState.CANCELLED)),
  ]);
  const { customerOverview } = await client.getCustomerOverview({ customerId: ADA });
  expect(customerOverview).toMatchObject({
    customerId: ADA,
    customer: { displayName: "Ada Lovelace" },
    orders: { totalCount: 2, openCount: 1, fulfilledCount: 0, closedCount: 1 },
    updateTime: at(4),
  });
  expect(customerOverview?.account).toBeUndefined();
  expect(customerOverview?.sources).toMatchObject([
    { state: SourceState.OK, readTime: at(0) },
    { state: SourceState.MISSING, reason: "NO_EVENT_SEEN" },
    { state: SourceState.MISSING, reason: "NO_EVENT_SEEN" },
    { state: SourceState.MISSING, reason: "NO_EVENT_SEEN" },
    { state: SourceState.OK, readTime: at(4) },
  ]);
});

test("a check tells by field in what the view is not what the services say, and that the rest agrees", async () => {
  const client = await startAfter([created(ADA), create(OrderPlacedSchema, order("ord_a", OrderState.PENDING))]);
  const { agrees, differences, uncheckedSources } = await client.checkCustomerOverview({ customerId: ADA });
  expect(agrees).toBe(false);
  expect(uncheckedSources).toEqual([]);
  const fields = differences.map(({ field }) => field);
  expect(fields).not.toContain("customer.display_name");
  expect(fields).toEqual(expect.arrayContaining(["customer.email", "number.verified", "orders.total_count"]));
});

test("an order that is named before its customer has a view already", async () => {
  const client = await startAfter([create(OrderPlacedSchema, order("ord_a", OrderState.PENDING))]);
  const { customerOverview } = await client.getCustomerOverview({ customerId: ADA });
  expect(customerOverview?.customer).toBeUndefined();
  expect(customerOverview?.orders?.totalCount).toBe(1);
});

test("pages hold every view once, in the order of the customers' ids", async () => {
  const client = await startAfter([5, 2, 7, 1, 3, 6, 4].map((n) => created(customerId(n))));
  const seen: string[] = [];
  for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
    const reply = await client.listCustomerOverviews({ pageSize: 3, pageToken });
    expect(reply.customerOverviews.length).toBeLessThanOrEqual(3);
    seen.push(...reply.customerOverviews.map((view) => view.customerId));
    pageToken = reply.nextPageToken;
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7].map(customerId));
});

test("a page holds 50 views unless asked, and a page token that this list did not give is refused", async () => {
  const client = await startAfter(Array.from({ length: 51 }, (_, n) => created(customerId(n))));
  const { customerOverviews, nextPageToken } = await client.listCustomerOverviews({});
  expect(customerOverviews).toHaveLength(50);
  expect((await client.listCustomerOverviews({ pageSize: 51 })).nextPageToken).toBe("");
  const forged = client.listCustomerOverviews({ pageToken: `${nextPageToken.slice(0, -1)}_` });
  expect(await expectFailure(forged)).toMatchObject({
    code: "InvalidArgument",
    reason: "PAGE_TOKEN_INVALID",
    fields: ["page_token"],
  });
});

test("requests that break a rule are refused by the field", async () => {
  const client = await startAfter([]);
  const refused = { code: "InvalidArgument", reason: "VALIDATION_FAILED", domain: "overview.v1" };
  expect(await expectFailure(client.getCustomerOverview({ customerId: "ada" }))).toMatchObject({
    ...refused,
    fields: ["customer_id"],
  });
  expect(await expectFailure(client.listCustomerOverviews({ pageSize: -1 }))).toMatchObject({
    ...refused,
    fields: ["page_size"],
  });
});
