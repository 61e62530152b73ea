import { Code } from "@connectrpc/connect";
import { CustomerState } from "@heddle/contracts/customer/v1";
import { OrderState, OrderRejectionReason as Reason } from "@heddle/contracts/order/v1";
import { RecordState } from "@heddle/contracts/socialsecurity/v1";
import { expectFailure } from "@heddle/mesh/testing";
import { describe, expect, test, vi } from "vitest";
import { type FakeOwners, fakeOwners, refusal, unavailable } from "../fixtures/fake-owners.ts";
import { ADA, dollars, EVE, freshFolder, LINES, REQUEST_ID, startOrder } from "../fixtures/start-order.ts";

const { PENDING, CONFIRMED, REJECTED, CANCELLED } = OrderState;

/** The states of what billing was asked to hold, in order. */
const payments = ({ billing }: FakeOwners) => [...billing.payments.values()].map(({ state }) => state);

/** Owners whose answers are lost, each after billing has authorized the payment, until told otherwise. */
const forgetful = () => {
  const owners = fakeOwners();
  owners.afterBilling = () => Promise.reject(unavailable());
  return owners;
};

test("an order that passes all checks is confirmed, and its total is held once", async () => {
  const { owners, place, read, history } = await startOrder();
  const order = await place();
  expect(order).toMatchObject({ customerId: ADA, state: CONFIRMED, total: dollars(3990), lines: LINES });
  expect(order.id).toMatch(/^ord_[0-9a-hjkmnp-tv-z]{26}$/);
  const [held] = [...owners.billing.payments];
  expect(held?.[0]).toBe(order.authorizationId);
  expect(held?.[1]).toMatchObject({
    state: "authorized",
    request: { payer: { case: "customerId", value: ADA }, amount: dollars(3990), reference: order.id },
  });
  expect(await read(order.id)).toEqual(order);
  expect(await history(order.id)).toEqual([PENDING, CONFIRMED]);
});

describe("a failed check is a rejected order that holds nothing", () => {
  const { CUSTOMER_NOT_FOUND, CUSTOMER_NOT_ACTIVE, NUMBER_NOT_VERIFIED, CREDIT_SCORE_TOO_LOW } = Reason;
  const { ACCOUNT_NOT_FOUND, CURRENCY_MISMATCH, CREDIT_LIMIT_EXCEEDED } = Reason;
  const noCustomer = () => Promise.reject(refusal("customer.v1", "CUSTOMER_NOT_FOUND", Code.NotFound));
  const noRecord = () => Promise.reject(refusal("socialsecurity.v1", "RECORD_NOT_FOUND", Code.NotFound));
  test.each<[string, Reason, number, (owners: FakeOwners) => void]>([
    ["no such customer", CUSTOMER_NOT_FOUND, 1, (owners) => Object.assign(owners, { customerState: noCustomer })],
    [
      "a deleted customer",
      CUSTOMER_NOT_ACTIVE,
      1,
      (o) => Object.assign(o, { customerState: () => CustomerState.DELETED }),
    ],
    ["no number", NUMBER_NOT_VERIFIED, 2, (owners) => Object.assign(owners, { recordState: noRecord })],
    [
      "a number not verified",
      NUMBER_NOT_VERIFIED,
      2,
      (o) => Object.assign(o, { recordState: () => RecordState.REGISTERED }),
    ],
    ["an erased number", NUMBER_NOT_VERIFIED, 2, (o) => Object.assign(o, { recordState: () => RecordState.ERASED })],
    ["a score one below the bar", CREDIT_SCORE_TOO_LOW, 3, (owners) => Object.assign(owners, { score: () => 539 })],
    ["no account", ACCOUNT_NOT_FOUND, 4, ({ billing }) => Object.assign(billing, { currencyCode: undefined })],
    ["another currency", CURRENCY_MISMATCH, 4, ({ billing }) => Object.assign(billing, { currencyCode: "EUR" })],
    [
      "too small a credit line",
      CREDIT_LIMIT_EXCEEDED,
      4,
      ({ billing }) => Object.assign(billing, { creditLimit: 19_949n }),
    ],
  ])("%s", async (_, rejectionReason, questions, arrange) => {
    const owners = fakeOwners();
    arrange(owners);
    const { place, read, history } = await startOrder({ owners });
    const order = await place({ lines: [{ ...LINES[0], quantity: 10 }] });
    expect(order).toMatchObject({ state: REJECTED, rejectionReason, authorizationId: "" });
    expect(await read(order.id)).toEqual(order);
    expect(await history(order.id)).toEqual([PENDING, REJECTED]);
    expect(owners.billing.payments.size).toBe(0);
    // A step is not begun when one before it refuses, and a refusal is not asked for twice.
    const { customer, record, score, authorize } = owners.asked;
    expect([customer, record, score, authorize]).toEqual([1, 2, 3, 4].map((step) => (step <= questions ? 1 : 0)));
  });

  test("a score at the bar is enough", async () => {
    const owners = fakeOwners();
    owners.score = () => 540;
    const { place } = await startOrder({ owners });
    expect(await place({ lines: [{ ...LINES[0], quantity: 10 }] })).toMatchObject({ state: CONFIRMED });
  });
});

describe("a service that does not answer", () => {
  const steps = ["customerState", "recordState", "score"] as const;

  test.each(steps)("%s: a check is asked again, and one answer is enough", async (step) => {
    const owners = fakeOwners();
    const answer = owners[step] as (asked: number) => never;
    Object.assign(owners, { [step]: (asked: number) => (asked < 6 ? Promise.reject(unavailable()) : answer(asked)) });
    const { place } = await startOrder({ owners });
    expect(await place()).toMatchObject({ state: CONFIRMED });
  });

  test.each(steps)("%s: a check that nobody answers rejects the order, and billing is not asked", async (step) => {
    const owners = fakeOwners();
    Object.assign(owners, { [step]: () => Promise.reject(unavailable()) });
    const { place, log } = await startOrder({ owners });
    expect(await place()).toMatchObject({ state: REJECTED, rejectionReason: Reason.CHECK_UNAVAILABLE });
    expect(owners.asked.authorize).toBe(0);
    expect(log).toContainEqual(
      expect.objectContaining({ msg: "a step was given up, and the saga is undone", level: "warn" }),
    );
  });

  test("billing that is down leaves the order pending, and it is confirmed when billing is back", async () => {
    const owners = fakeOwners();
    owners.beforeBilling = () => Promise.reject(unavailable());
    const { place, read, pass, history } = await startOrder({ owners });
    const { id, state } = await place();
    expect(state).toBe(PENDING);
    expect(payments(owners)).toEqual([]);
    owners.beforeBilling = () => undefined;
    await pass(60_000);
    expect((await read(id)).state).toBe(CONFIRMED);
    expect(payments(owners)).toEqual(["authorized"]);
    expect(await history(id)).toEqual([PENDING, CONFIRMED]);
    // What the checks found was written down, and they are not asked again.
    expect(owners.asked.customer).toBe(1);
  });

  test("billing is asked ever less often for an order that stays pending, which is rejected after ten minutes", async () => {
    const owners = fakeOwners();
    owners.beforeBilling = () => Promise.reject(unavailable());
    const { place, pass, read, history } = await startOrder({ owners });
    const { id } = await place();
    await pass(9 * 60_000);
    expect((await read(id)).state).toBe(PENDING);
    expect(owners.asked.authorize).toBeGreaterThan(8);
    expect(owners.asked.authorize).toBeLessThan(60);
    await pass(2 * 60_000);
    // Nothing is rejected before it is sure that nothing is held.
    expect((await read(id)).state).toBe(PENDING);
    expect(owners.asked.voidReference).toBeGreaterThan(0);
    owners.beforeBilling = () => undefined;
    await pass(60_000);
    expect(await read(id)).toMatchObject({ state: REJECTED, rejectionReason: Reason.CHECK_UNAVAILABLE });
    expect(await history(id)).toEqual([PENDING, REJECTED]);
    expect(payments(owners)).toEqual([]);
  });
});

describe("an answer of billing that is lost", () => {
  test("is asked for again and found: one authorization", async () => {
    const owners = fakeOwners();
    let lost = 5;
    owners.afterBilling = () => (lost-- > 0 ? Promise.reject(unavailable()) : undefined);
    const { place } = await startOrder({ owners });
    expect(await place()).toMatchObject({ state: CONFIRMED });
    expect(owners.asked.authorize).toBe(6);
    expect(payments(owners)).toEqual(["authorized"]);
  });

  test("for good leaves the order pending with what is held; a new process finishes it with the same", async () => {
    const owners = forgetful();
    const dataFolder = freshFolder();
    const before = await startOrder({ owners, dataFolder });
    const { id, state } = await before.place();
    expect(state).toBe(PENDING);
    await before.stop();
    owners.afterBilling = () => undefined;
    const { pass, read } = await startOrder({ owners, dataFolder });
    await pass(60_000);
    expect((await read(id)).state).toBe(CONFIRMED);
    expect((await read(id)).authorizationId).toBe([...owners.billing.payments.keys()][0]);
    expect(payments(owners)).toEqual(["authorized"]);
    expect(owners.asked.customer).toBe(1);
  });

  test("is not mistaken for a refusal of the checks when these would refuse by now", async () => {
    const owners = forgetful();
    const { place, pass, read } = await startOrder({ owners });
    const { id } = await place();
    owners.customerState = () => CustomerState.DELETED;
    owners.afterBilling = () => undefined;
    await pass(60_000);
    expect((await read(id)).state).toBe(CONFIRMED);
  });
});

describe("a call that breaks off", () => {
  const hang = () => new Promise<never>(() => undefined);

  test("during the checks, the same request id goes on with the same order", async () => {
    const owners = fakeOwners();
    owners.recordState = hang;
    const { client, place, pass, history } = await startOrder({ owners });
    const controller = new AbortController();
    const broken = client.placeOrder(
      { customerId: ADA, lines: LINES, requestId: REQUEST_ID },
      { signal: controller.signal },
    );
    await vi.waitFor(() => expect(owners.asked.record).toBe(1));
    controller.abort();
    expect(await expectFailure(broken)).toMatchObject({ code: "Canceled" });
    const [first] = (await client.listOrders({})).orders;
    owners.recordState = () => RecordState.VERIFIED;
    const again = place({ requestId: REQUEST_ID });
    await pass(4_000);
    const order = await again;
    expect(order).toMatchObject({ id: first?.id, state: CONFIRMED });
    expect((await client.listOrders({})).orders).toEqual([order]);
    expect(await history(order.id)).toEqual([PENDING, CONFIRMED]);
  });

  test("after billing has authorized, the same request id finds what is held", async () => {
    const owners = fakeOwners();
    owners.afterBilling = hang;
    const { client, place, pass } = await startOrder({ owners });
    const controller = new AbortController();
    const broken = client.placeOrder(
      { customerId: ADA, lines: LINES, requestId: REQUEST_ID },
      { signal: controller.signal },
    );
    await vi.waitFor(() => expect(payments(owners)).toEqual(["authorized"]));
    controller.abort();
    await expectFailure(broken);
    owners.afterBilling = () => undefined;
    const again = place({ requestId: REQUEST_ID });
    await pass(7_000);
    const order = await again;
    expect(order).toMatchObject({ state: CONFIRMED, authorizationId: [...owners.billing.payments.keys()][0] });
    expect(payments(owners)).toEqual(["authorized"]);
  });

  test("without a request id, the order is settled in the background", async () => {
    const owners = fakeOwners();
    owners.score = hang;
    const { client, pass, read } = await startOrder({ owners });
    const controller = new AbortController();
    const broken = client.placeOrder({ customerId: ADA, lines: LINES }, { signal: controller.signal });
    await vi.waitFor(() => expect(owners.asked.score).toBe(1));
    controller.abort();
    await expectFailure(broken);
    owners.score = () => 700;
    const [order] = (await client.listOrders({})).orders;
    expect(order?.state).toBe(PENDING);
    await pass(4_000);
    expect((await read(order?.id ?? "")).state).toBe(CONFIRMED);
  });

  test("checks that outlast the caller's deadline leave the order pending, in a reply that comes in time", async () => {
    const owners = fakeOwners();
    owners.score = hang;
    const { client } = await startOrder({ owners, realTime: true });
    const { order } = await client.placeOrder({ customerId: ADA, lines: LINES }, { timeoutMs: 1_000 });
    expect(order?.state).toBe(PENDING);
  });
});

describe("request ids", () => {
  test("a repeated request id returns the first reply and places nothing", async () => {
    const { owners, client, place } = await startOrder();
    const first = await place({ requestId: REQUEST_ID });
    await client.cancelOrder({ orderId: first.id });
    expect(await place({ requestId: REQUEST_ID })).toEqual(first);
    expect((await client.listOrders({})).orders).toHaveLength(1);
    expect(owners.asked.authorize).toBe(1);
  });

  test("a repeated request id of a rejected order does not try again", async () => {
    const owners = fakeOwners();
    owners.score = () => 300;
    const { place } = await startOrder({ owners });
    const first = await place({ requestId: REQUEST_ID, lines: [{ ...LINES[0], quantity: 100 }] });
    owners.score = () => 850;
    expect(await place({ requestId: REQUEST_ID, lines: [{ ...LINES[0], quantity: 100 }] })).toEqual(first);
    expect(first.state).toBe(REJECTED);
  });

  test("two orders without a request id, or with two, are two orders", async () => {
    const { owners, place } = await startOrder();
    await place();
    await place();
    await place({ requestId: REQUEST_ID });
    expect(payments(owners)).toEqual(["authorized", "authorized", "authorized"]);
  });

  test("twenty calls at a time with one request id make one order and hold its total once", async () => {
    const { owners, client, place, history } = await startOrder();
    const orders = await Promise.all(Array.from({ length: 20 }, () => place({ requestId: REQUEST_ID })));
    expect(new Set(orders.map(({ etag }) => etag)).size).toBe(1);
    expect(orders[0]?.state).toBe(CONFIRMED);
    expect(payments(owners)).toEqual(["authorized"]);
    expect((await client.listOrders({})).orders).toHaveLength(1);
    expect(await history(orders[0]?.id ?? "")).toEqual([PENDING, CONFIRMED]);
  });

  test("a reused request id with another payload is refused, of a pending order too", async () => {
    const owners = forgetful();
    const { client, place, pass } = await startOrder({ owners });
    const controller = new AbortController();
    owners.afterBilling = () => new Promise<never>(() => undefined);
    const broken = client.placeOrder(
      { customerId: ADA, lines: LINES, requestId: REQUEST_ID },
      { signal: controller.signal },
    );
    await vi.waitFor(() => expect(payments(owners)).toEqual(["authorized"]));
    controller.abort();
    await expectFailure(broken);
    owners.afterBilling = () => undefined;
    const refused = { code: "InvalidArgument", reason: "REQUEST_ID_REUSED", fields: ["request_id"] };
    expect(await expectFailure(place({ customerId: EVE, requestId: REQUEST_ID }))).toMatchObject(refused);
    await Promise.all([place({ requestId: REQUEST_ID }), pass(7_000)]);
    expect(await expectFailure(place({ customerId: EVE, requestId: REQUEST_ID }))).toMatchObject(refused);
  });
});

test("an authorization that arrives when the order was rejected meanwhile holds nothing", async () => {
  const owners = fakeOwners();
  owners.billing.creditLimit = 0n;
  let release: (() => void) | undefined;
  // The first request is held up on its way; the second is refused; then the limit is raised, and the first arrives.
  owners.beforeBilling = () => {
    if (release !== undefined) return undefined;
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  const { place, pass, read } = await startOrder({ owners });
  const placed = place();
  await vi.waitFor(() => expect(release).toBeDefined());
  await pass(7_000);
  const rejected = await placed;
  expect(rejected).toMatchObject({ state: REJECTED, rejectionReason: Reason.CREDIT_LIMIT_EXCEEDED });
  expect(owners.asked).toMatchObject({ authorize: 2, voidReference: 1 });
  owners.billing.creditLimit = 1_000_000n;
  release?.();
  await pass(100);
  expect(payments(owners)).toEqual([]);
  expect(await read(rejected.id)).toEqual(rejected);
});

describe("a request that cannot be an order is refused, and nothing is written", () => {
  const price = (minorUnits: bigint, currencyCode = "USD") => ({
    sku: "A",
    quantity: 1,
    unitPrice: { currencyCode, minorUnits },
  });
  test.each([
    ["ORDER_CURRENCIES_MIXED", [price(1n), price(1n, "EUR")], ["lines[1].unit_price.currency_code"]],
    ["ORDER_TOTAL_ZERO", [price(0n)], ["lines"]],
    ["ORDER_TOTAL_TOO_LARGE", [price(10n ** 15n), price(1n)], ["lines"]],
    ["VALIDATION_FAILED", [], ["lines"]],
    ["VALIDATION_FAILED", [price(-1n)], ["lines[0].unit_price"]],
    ["VALIDATION_FAILED", [{ ...price(1n), quantity: 0 }], ["lines[0].quantity"]],
    ["VALIDATION_FAILED", [{ ...price(1n), sku: "a b" }], ["lines[0].sku"]],
    ["VALIDATION_FAILED", [{ sku: "A", quantity: 1 }], ["lines[0].unit_price"]],
  ])("%s for %o", async (reason, lines, fields) => {
    const { client, place, owners } = await startOrder();
    expect(await expectFailure(place({ lines, requestId: REQUEST_ID }))).toMatchObject({
      code: "InvalidArgument",
      reason,
      domain: "order.v1",
      fields,
    });
    expect((await client.listOrders({})).orders).toEqual([]);
    expect(owners.asked.customer).toBe(0);
    // The id was not spent on it.
    expect(await place({ requestId: REQUEST_ID })).toMatchObject({ state: CONFIRMED });
  });
});

test("cancelled orders free nothing twice: a replay after a cancellation holds nothing", async () => {
  const { owners, client, place, read } = await startOrder();
  const { id } = await place({ requestId: REQUEST_ID });
  await client.cancelOrder({ orderId: id });
  await place({ requestId: REQUEST_ID });
  expect(payments(owners)).toEqual(["voided"]);
  expect((await read(id)).state).toBe(CANCELLED);
});
