import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderFulfilledSchema,
  OrderPlacedSchema,
  OrderRejectedSchema,
  OrderState,
} from "@heddle/contracts/order/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { eventsAfter, openStore } from "@heddle/mesh/store";
import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { fakeOwners } from "./fixtures/fake-owners.ts";
import { ADA, dollars, EVE, freshFolder, LINES, NOBODY, startOrder } from "./fixtures/start-order.ts";

const { CONFIRMED, REJECTED, CANCELLED, FULFILLED } = OrderState;

type Service = Awaited<ReturnType<typeof startOrder>>;

/** All ids of a list, page by page. */
const idsOf = async ({ client }: Service, request: Parameters<Service["client"]["listOrders"]>[0]) => {
  const ids: string[] = [];
  for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
    const reply = await client.listOrders({ ...request, pageToken });
    if (request.pageSize) expect(reply.orders.length).toBeLessThanOrEqual(request.pageSize);
    ids.push(...reply.orders.map(({ id }) => id));
    pageToken = reply.nextPageToken;
  }
  return ids;
};

/** Nine orders of two customers in four states, latest first. */
const startWithOrders = async () => {
  const service = await startOrder();
  const orders: { id: string; customerId: string; state: OrderState }[] = [];
  for (let i = 0; i < 9; i++) {
    const customerId = i % 3 === 0 ? EVE : ADA;
    service.owners.score = () => (i % 4 === 3 ? 300 : 700);
    const { id: orderId } = await service.place({ customerId, lines: [{ ...LINES[0], quantity: 10 }] });
    if (i % 4 === 1) await service.client.fulfilOrder({ orderId });
    if (i % 4 === 2) await service.client.cancelOrder({ orderId });
    orders.unshift({ id: orderId, customerId, state: [CONFIRMED, FULFILLED, CANCELLED, REJECTED][i % 4] ?? 0 });
  }
  return { service, orders };
};

test("lists hold every order once, latest first, whatever the filter and the page size", async () => {
  const { service, orders } = await startWithOrders();
  const filters: { customerId?: string; states?: OrderState[] }[] = [
    {},
    { customerId: ADA },
    { states: [REJECTED] },
    { states: [CANCELLED, CONFIRMED] },
    { customerId: EVE, states: [CONFIRMED, REJECTED, FULFILLED] },
    { customerId: `cus_${"0".repeat(25)}9` },
    { states: [OrderState.PENDING] },
  ];
  for (const filter of filters) {
    const expected = orders
      .filter(({ customerId }) => filter.customerId === undefined || customerId === filter.customerId)
      .filter(({ state }) => filter.states === undefined || filter.states.includes(state))
      .map(({ id }) => id);
    for (const pageSize of [1, 2, 500, 10_000]) expect(await idsOf(service, { ...filter, pageSize })).toEqual(expected);
  }
});

test("an order that is placed while a caller pages is not listed twice, nor does it push one out", async () => {
  const service = await startOrder();
  for (let i = 0; i < 4; i++) await service.place();
  const first = await service.client.listOrders({ pageSize: 2 });
  await service.place();
  const second = await service.client.listOrders({ pageSize: 2, pageToken: first.nextPageToken });
  expect(new Set([...first.orders, ...second.orders].map(({ id }) => id)).size).toBe(4);
  expect(second.nextPageToken).toBe("");
});

test("a page of long orders ends early, before it outgrows a message", async () => {
  const service = await startOrder();
  service.owners.billing.creditLimit = 10n ** 15n;
  const line = { sku: "S".repeat(64), description: "ü".repeat(200), quantity: 1, unitPrice: dollars(1) };
  const placed: string[] = [];
  for (let i = 0; i < 30; i++) placed.unshift((await service.place({ lines: Array(100).fill(line) })).id);
  const { orders, nextPageToken } = await service.client.listOrders({ pageSize: 500 });
  expect(orders.length).toBeGreaterThan(1);
  expect(orders.length).toBeLessThan(30);
  expect(nextPageToken).not.toBe("");
  expect(await idsOf(service, { pageSize: 500 })).toEqual(placed);
});

test("a page token of another list is refused, and so are states that are none", async () => {
  const service = await startOrder();
  for (let i = 0; i < 2; i++) await service.place();
  const { nextPageToken: pageToken } = await service.client.listOrders({ pageSize: 1 });
  expect(await expectFailure(service.client.listOrders({ pageToken, states: [CONFIRMED] }))).toMatchObject({
    code: "InvalidArgument",
    reason: "PAGE_TOKEN_INVALID",
    fields: ["page_token"],
  });
  for (const states of [[OrderState.UNSPECIFIED], [CONFIRMED, CONFIRMED], [99 as OrderState]]) {
    expect(await expectFailure(service.client.listOrders({ states }))).toMatchObject({ reason: "VALIDATION_FAILED" });
  }
  expect(await expectFailure(service.client.listOrders({ pageSize: -1 }))).toMatchObject({ code: "InvalidArgument" });
});

test("a history is paged without gaps, and its token is bound to its order", async () => {
  const { client, place } = await startOrder();
  const { id: orderId } = await place();
  const { id: other } = await place();
  await client.cancelOrder({ orderId });
  const sequences: bigint[] = [];
  let token = "";
  do {
    const reply = await client.listOrderTransitions({ orderId, pageSize: 1, pageToken: token });
    expect(reply.transitions).toHaveLength(1);
    sequences.push(...reply.transitions.map(({ sequence }) => sequence));
    if (sequences.length === 1) {
      const elsewhere = client.listOrderTransitions({ orderId: other, pageToken: reply.nextPageToken });
      expect(await expectFailure(elsewhere)).toMatchObject({ reason: "PAGE_TOKEN_INVALID" });
    }
    token = reply.nextPageToken;
  } while (token !== "");
  expect(sequences).toEqual([1n, 2n, 3n]);
});

test("every transition publishes its event with the order as it was then", async () => {
  const dataFolder = freshFolder();
  const { client, owners, place, stop } = await startOrder({ dataFolder });
  const { id: orderId } = await place();
  const { order: fulfilled } = await client.fulfilOrder({ orderId });
  await client.cancelOrder({ orderId });
  owners.score = () => 300;
  const rejected = await place({ lines: [{ ...LINES[0], quantity: 100 }] });
  await stop();
  const store = await openStore({
    path: join(dataFolder, "order", "order.db"),
    name: "order",
    migrations: new URL("./migrations/", import.meta.url),
    runtime: systemRuntime(),
  });
  const events = await store.read((reader) => eventsAfter(reader, 0n)).finally(() => store.close());
  expect(events.map(({ type, key }) => [type, key])).toEqual([
    [OrderPlacedSchema.typeName, orderId],
    [OrderConfirmedSchema.typeName, orderId],
    [OrderFulfilledSchema.typeName, orderId],
    [OrderCancelledSchema.typeName, orderId],
    [OrderPlacedSchema.typeName, rejected.id],
    [OrderRejectedSchema.typeName, rejected.id],
  ]);
  expect(fromBinary(OrderFulfilledSchema, events[2]?.payload ?? new Uint8Array()).order).toEqual(fulfilled);
  expect(fromBinary(OrderRejectedSchema, events[5]?.payload ?? new Uint8Array()).order).toEqual(rejected);
});

test("orders and their history are there after a restart", async () => {
  const dataFolder = freshFolder();
  const owners = fakeOwners();
  const before = await startOrder({ owners, dataFolder });
  const order = await before.place({ requestId: "0b8a2a3e-6f0e-4c49-9d0b-6a2a3f0f8c11" });
  const history = await before.client.listOrderTransitions({ orderId: order.id });
  await before.stop();
  const { client, read } = await startOrder({ owners, dataFolder });
  expect(await read(order.id)).toEqual(order);
  expect(await client.listOrderTransitions({ orderId: order.id })).toEqual(history);
});

test("ids that are none are refused by name", async () => {
  const { client } = await startOrder();
  for (const orderId of ["", "ord_1", NOBODY.toUpperCase(), ADA]) {
    expect(await expectFailure(client.getOrder({ orderId }))).toMatchObject({
      code: "InvalidArgument",
      reason: "VALIDATION_FAILED",
      fields: ["order_id"],
    });
  }
  expect(await expectFailure(client.listOrders({ customerId: "ada" }))).toMatchObject({ fields: ["customer_id"] });
  const tooLong = client.cancelOrder({ orderId: NOBODY, reason: "x".repeat(501) });
  expect(await expectFailure(tooLong)).toMatchObject({ fields: ["reason"] });
});
