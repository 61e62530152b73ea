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
    expect(log.some(({ msg, check }) => msg === "a check could not be done" && check !== undefined)).toBe(true);
  });

  test("billing that is down leaves the order pending, and it is confirmed when billing is back", async () => {
    const owners = fakeOwners();
    owners.beforeBilling = () => Promise.reject(unavailable());
    const { place, read, pass, history } = await startOrder({ owners });
    const { id, state } = await place();
    expect(state).toBe(PENDING);
    expect(payments(owners)).toEqual([]);
    owners.beforeBilling = () => undefined;
    pass(1_000);
    await vi.waitFor(async () => expect((await read(id)).state).toBe(CONFIRMED));
    expect(payments(owners)).toEqual(["authorized"]);
    expect(await history(id)).toEqual([PENDING, CONFIRMED]);
    // What the checks found was written down, and they are not asked again.
    expect(owners.asked.customer).toBe(1);
  });

  test("an order that stays pending is taken up ever less often", async () => {
    const owners = fakeOwners();
    owners.beforeBilling = () => Promise.reject(unavailable());
    const { place, pass, log } = await startOrder({ owners });
    await place();
    const taken = () => log.filter(({ msg }) => msg === "a pending order was taken up").length;
    pass(1_000);
    await vi.waitFor(() => expect(taken()).toBe(1));
    await vi.waitFor(() => {
      pass(100);
      expect(taken()).toBe(2);
    });
    pass(1_900);
    pass(0);
    expect(taken()).toBe(2);
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
    pass(60_000);
    await vi.waitFor(async () => expect((await read(id)).state).toBe(CONFIRMED));
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
    pass(1_000);
    await vi.waitFor(async () => expect((await read(id)).state).toBe(CONFIRMED));
  });
});

describe("a call that breaks off", () => {
  const hang = () => new Promise<never>(() => undefined);

  test("during the checks, the same request id goes on with the same order", async () => {
    const owners = fakeOwners();
    owners.recordState = hang;
    const { client, place, history } = await startOrder({ owners });
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
    const order = await place({ requestId: REQUEST_ID });
    expect(order).toMatchObject({ id: first?.id, state: CONFIRMED });
    expect((await client.listOrders({})).orders).toEqual([order]);
    expect(await history(order.id)).toEqual([PENDING, CONFIRMED]);
  });

  test("after billing has authorized, the same request id finds what is held", async () => {
    const owners = fakeOwners();
    owners.afterBilling = hang;
    const { client, place } = await startOrder({ owners });
    const controller = new AbortController();
    const broken = client.placeOrder(
      { customerId: ADA, lines: LINES, requestId: REQUEST_ID },
      { signal: controller.signal },
    );
    await vi.waitFor(() => expect(payments(owners)).toEqual(["authorized"]));
    controller.abort();
    await expectFailure(broken);
    owners.afterBilling = () => undefined;
    const order = await place({ requestId: REQUEST_ID });
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
    pass(19_999);
    expect((await read(order?.id ?? "")).state).toBe(PENDING);
    pass(1);
    await vi.waitFor(async () => expect((await read(order?.id ?? "")).state).toBe(CONFIRMED));
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
    const { client, place } = await startOrder({ owners });
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
    await place({ requestId: REQUEST_ID });
    expect(await expectFailure(place({ customerId: EVE, requestId: REQUEST_ID }))).toMatchObject(refused);
  });
});

test("an authorization that comes when the order was rejected meanwhile is given up", async () => {
  const owners = fakeOwners();
  owners.billing.creditLimit = 0n;
  let waiting: (() => void) | undefined;
  // The first call waits before billing decides; the second is refused at once; then the limit is raised, and the first goes on.
  owners.beforeBilling = () => {
    if (waiting !== undefined) return undefined;
    return new Promise<void>((resolve) => {
      waiting = resolve;
    });
  };
  const { place, read } = await startOrder({ owners });
  const slow = place({ requestId: REQUEST_ID });
  await vi.waitFor(() => expect(waiting).toBeDefined());
  const rejected = await place({ requestId: REQUEST_ID });
  expect(rejected).toMatchObject({ state: REJECTED, rejectionReason: Reason.CREDIT_LIMIT_EXCEEDED });
  owners.billing.creditLimit = 1_000_000n;
  waiting?.();
  expect(await slow).toEqual(rejected);
  expect(payments(owners)).toEqual(["voided"]);
  expect((await read(rejected.id)).state).toBe(REJECTED);
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
