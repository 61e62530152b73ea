import { SagaState } from "@heddle/contracts/heddle/saga/v1";
import { OrderState } from "@heddle/contracts/order/v1";
import { expectFailure } from "@heddle/mesh/testing";
import { describe, expect, test, vi } from "vitest";
import { type FakeOwners, fakeOwners, unavailable } from "../fixtures/fake-owners.ts";
import { freshFolder, LINES, NOBODY, startOrder } from "../fixtures/start-order.ts";

const { PENDING, CONFIRMED, REJECTED, CANCELLED, FULFILLED } = OrderState;

const payments = ({ billing }: FakeOwners) => [...billing.payments.values()].map(({ state }) => state);

const startWithConfirmed = async (options: Parameters<typeof startOrder>[0] = {}) => {
  const service = await startOrder(options);
  return { ...service, order: await service.place() };
};

/** Owners whose answers to one question are lost, the work done. */
const losing = (lost: string) => {
  const owners = fakeOwners();
  owners.afterBilling = (rpc) => (rpc === lost ? Promise.reject(unavailable()) : undefined);
  return owners;
};

test("fulfilling charges what is held, and cancelling gives it back", async () => {
  const { client, owners, order, history } = await startWithConfirmed();
  const { order: fulfilled } = await client.fulfilOrder({ orderId: order.id, etag: order.etag });
  expect(fulfilled).toMatchObject({ state: FULFILLED, authorizationId: order.authorizationId });
  expect(payments(owners)).toEqual(["captured"]);
  const { order: cancelled } = await client.cancelOrder({ orderId: order.id, reason: "It broke." });
  expect(cancelled).toMatchObject({ state: CANCELLED });
  expect(payments(owners)).toEqual(["refunded"]);
  expect(await history(order.id)).toEqual([PENDING, CONFIRMED, FULFILLED, CANCELLED]);
  const { transitions } = await client.listOrderTransitions({ orderId: order.id });
  expect(transitions.map(({ reason }) => reason)).toEqual(["", "", "", "It broke."]);
  expect(transitions.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n]);
  expect(transitions.map(({ fromState }) => fromState)).toEqual([0, PENDING, CONFIRMED, FULFILLED]);
});

test("cancelling a confirmed order gives up what is held", async () => {
  const { client, owners, order } = await startWithConfirmed();
  await client.cancelOrder({ orderId: order.id });
  expect(payments(owners)).toEqual(["voided"]);
  expect(owners.asked.refund).toBe(0);
});

test("fulfilling twice and cancelling twice change nothing, also with an etag that is stale by then", async () => {
  const { client, owners, order, history } = await startWithConfirmed();
  const orderId = order.id;
  const first = await client.fulfilOrder({ orderId, etag: order.etag });
  expect(await client.fulfilOrder({ orderId, etag: order.etag })).toEqual(first);
  const cancelled = await client.cancelOrder({ orderId, reason: "one", etag: first.order?.etag ?? "" });
  expect(await client.cancelOrder({ orderId, reason: "two", etag: order.etag })).toEqual(cancelled);
  expect(owners.asked).toMatchObject({ capture: 1, refund: 1 });
  expect(await history(orderId)).toHaveLength(4);
});

test("a stale etag is ABORTED before billing is asked", async () => {
  const { client, owners, order } = await startWithConfirmed();
  const orderId = order.id;
  const mismatch = { code: "Aborted", reason: "ETAG_MISMATCH", domain: "order.v1" };
  expect(await expectFailure(client.fulfilOrder({ orderId, etag: "stale" }))).toMatchObject(mismatch);
  expect(await expectFailure(client.cancelOrder({ orderId, etag: "stale" }))).toMatchObject(mismatch);
  expect(payments(owners)).toEqual(["authorized"]);
});

test("an order that does not exist is NOT_FOUND to every RPC that names one", async () => {
  const { client } = await startOrder();
  const missing = { code: "NotFound", reason: "ORDER_NOT_FOUND", domain: "order.v1", metadata: { orderId: NOBODY } };
  const watched = async () => {
    for await (const _ of client.watchOrder({ orderId: NOBODY })) expect.unreachable();
  };
  for (const call of [
    () => client.getOrder({ orderId: NOBODY }),
    () => client.fulfilOrder({ orderId: NOBODY }),
    () => client.cancelOrder({ orderId: NOBODY }),
    () => client.listOrderTransitions({ orderId: NOBODY }),
    watched,
  ]) {
    expect(await expectFailure(call())).toMatchObject(missing);
  }
});

describe("what is not possible is FAILED_PRECONDITION and asks billing for nothing", () => {
  const illegal = { code: "FailedPrecondition", reason: "ORDER_TRANSITION_ILLEGAL", domain: "order.v1" };

  test("on a rejected order", async () => {
    const owners = fakeOwners();
    owners.score = () => 300;
    const { client, place } = await startOrder({ owners });
    const { id: orderId, state } = await place({ lines: [{ ...LINES[0], quantity: 100 }] });
    expect(state).toBe(REJECTED);
    const metadata = { orderId, state: "REJECTED" };
    expect(await expectFailure(client.fulfilOrder({ orderId }))).toMatchObject({ ...illegal, metadata });
    expect(await expectFailure(client.cancelOrder({ orderId }))).toMatchObject({ ...illegal, metadata });
    expect(owners.asked).toMatchObject({ capture: 0, void: 0, refund: 0 });
  });

  test("on a pending order", async () => {
    const owners = fakeOwners();
    owners.beforeBilling = () => Promise.reject(unavailable());
    const { client, place } = await startOrder({ owners });
    const { id: orderId } = await place();
    expect(await expectFailure(client.fulfilOrder({ orderId }))).toMatchObject(illegal);
    expect(await expectFailure(client.cancelOrder({ orderId }))).toMatchObject(illegal);
    expect(owners.asked).toMatchObject({ capture: 0, void: 0, refund: 0 });
  });

  test("fulfilling a cancelled order", async () => {
    const { client, owners, order } = await startWithConfirmed();
    await client.cancelOrder({ orderId: order.id });
    expect(await expectFailure(client.fulfilOrder({ orderId: order.id }))).toMatchObject(illegal);
    expect(owners.asked.capture).toBe(0);
  });
});

test("an expired authorization cannot be charged, and the order can still be cancelled", async () => {
  const { client, owners, order, read } = await startWithConfirmed();
  for (const payment of owners.billing.payments.values()) payment.state = "expired";
  expect(await expectFailure(client.fulfilOrder({ orderId: order.id }))).toMatchObject({
    code: "FailedPrecondition",
    reason: "AUTHORIZATION_NOT_CAPTURABLE",
    domain: "order.v1",
    metadata: { orderId: order.id, authorizationId: order.authorizationId },
  });
  expect((await read(order.id)).state).toBe(CONFIRMED);
  expect((await client.cancelOrder({ orderId: order.id })).order?.state).toBe(CANCELLED);
});

describe("billing that does not answer", () => {
  test.each([
    ["fulfilOrder", "captured", FULFILLED],
    ["cancelOrder", "voided", CANCELLED],
  ] as const)(
    "fails %s, which is done as soon as billing is back, and asked of it by nobody",
    async (verb, paid, state) => {
      const { client, owners, order, read, pass } = await startWithConfirmed();
      owners.beforeBilling = () => Promise.reject(unavailable());
      expect(await expectFailure(client[verb]({ orderId: order.id }))).toMatchObject({
        code: "Unavailable",
        reason: "ORDER_CHANGE_UNDER_WAY",
        retryable: true,
      });
      expect(await read(order.id)).toEqual(order);
      expect(payments(owners)).toEqual(["authorized"]);
      owners.beforeBilling = () => undefined;
      await pass(60_000);
      expect((await read(order.id)).state).toBe(state);
      expect(payments(owners)).toEqual([paid]);
    },
  );

  test("for a quarter of an hour parks the cancellation, which an operator sees and sets going again", async () => {
    const { client, sagas, owners, order, read, pass, log } = await startWithConfirmed();
    owners.beforeBilling = () => Promise.reject(unavailable());
    await expectFailure(client.cancelOrder({ orderId: order.id }));
    await pass(3_600_000);
    const parked = (await sagas.listSagas({ key: order.id, states: [SagaState.PARKED] })).sagas;
    expect(parked).toMatchObject([{ name: "cancel-order", failure: { step: "give-back-payment" } }]);
    const errors = log.filter(({ level }) => level === "error");
    expect(errors).toMatchObject([{ msg: "a saga is parked", next: expect.stringContaining("heddle sagas retry") }]);
    owners.beforeBilling = () => undefined;
    await pass(600_000);
    expect((await read(order.id)).state).toBe(CONFIRMED);
    await sagas.retrySaga({ sagaId: parked[0]?.id ?? "" });
    await pass(1_000);
    expect((await read(order.id)).state).toBe(CANCELLED);
    expect(payments(owners)).toEqual(["voided"]);
  });
});

describe("between billing's work and our own write", () => {
  test("a lost charge is found by the same fulfilment, also in a new process that nobody asks", async () => {
    const owners = losing("capture");
    const dataFolder = freshFolder();
    const before = await startWithConfirmed({ owners, dataFolder });
    const { id: orderId } = before.order;
    await expectFailure(before.client.fulfilOrder({ orderId }));
    expect((await before.read(orderId)).state).toBe(CONFIRMED);
    expect(payments(owners)).toEqual(["captured"]);
    await before.stop();
    owners.afterBilling = () => undefined;
    const { read, pass } = await startOrder({ owners, dataFolder });
    await pass(60_000);
    expect((await read(orderId)).state).toBe(FULFILLED);
    expect(payments(owners)).toEqual(["captured"]);
  });

  test("a lost charge is refunded by a cancellation, and its fulfilment ends refused", async () => {
    const owners = losing("capture");
    const { client, sagas, order, history, pass } = await startWithConfirmed({ owners });
    await expectFailure(client.fulfilOrder({ orderId: order.id }));
    expect((await client.cancelOrder({ orderId: order.id })).order?.state).toBe(CANCELLED);
    expect(payments(owners)).toEqual(["refunded"]);
    await pass(60_000);
    expect(await history(order.id)).toEqual([PENDING, CONFIRMED, CANCELLED]);
    const { sagas: fulfilments } = await sagas.listSagas({ key: order.id, name: "fulfil-order" });
    expect(fulfilments).toMatchObject([
      { state: SagaState.COMPENSATED, failure: { reason: "AUTHORIZATION_NOT_CAPTURABLE" } },
    ]);
  });

  test("a lost void, or refund, is found by the same cancellation", async () => {
    for (const [lost, state] of [["void", "voided"] as const, ["refund", "refunded"] as const]) {
      const owners = losing(lost);
      const { client, order, read, pass } = await startWithConfirmed({ owners });
      if (lost === "refund") await client.fulfilOrder({ orderId: order.id });
      await expectFailure(client.cancelOrder({ orderId: order.id }));
      owners.afterBilling = () => undefined;
      await pass(60_000);
      expect((await read(order.id)).state).toBe(CANCELLED);
      expect(payments(owners)).toEqual([state]);
    }
  });

  test("a refund whose request id billing has forgotten is not made twice, and the order is cancelled", async () => {
    const { client, owners, order } = await startWithConfirmed();
    await client.fulfilOrder({ orderId: order.id });
    for (const payment of owners.billing.payments.values()) payment.state = "refunded";
    expect((await client.cancelOrder({ orderId: order.id })).order?.state).toBe(CANCELLED);
  });
});

describe("a race", () => {
  test.each(["capture", "void"] as const)(
    "of fulfilment and cancellation, with %s held back: money and state agree",
    async (slow) => {
      const { client, owners, order, read } = await startWithConfirmed();
      let release: (() => void) | undefined;
      owners.beforeBilling = (rpc) => {
        if (rpc !== slow || release !== undefined) return undefined;
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      };
      const orderId = order.id;
      const settled = Promise.allSettled([client.fulfilOrder({ orderId }), client.cancelOrder({ orderId })]);
      await vi.waitFor(() => expect(release).toBeDefined());
      await vi.waitFor(async () => expect((await read(orderId)).state).not.toBe(CONFIRMED));
      release?.();
      const [fulfil, cancel] = await settled;
      expect(cancel.status).toBe("fulfilled");
      expect(fulfil.status).toBe(slow === "capture" ? "rejected" : "fulfilled");
      if (fulfil.status === "rejected") {
        expect(await expectFailure(Promise.reject(fulfil.reason))).toMatchObject({
          reason: "ORDER_TRANSITION_ILLEGAL",
        });
      }
      expect((await read(orderId)).state).toBe(CANCELLED);
      expect(payments(owners)).toEqual([slow === "capture" ? "voided" : "refunded"]);
    },
  );

  test("of many fulfilments and cancellations ends cancelled, with nothing held or charged", async () => {
    const { client, owners, order, read } = await startWithConfirmed();
    const orderId = order.id;
    await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        i % 2 === 0 ? client.fulfilOrder({ orderId }) : client.cancelOrder({ orderId }),
      ),
    );
    expect((await read(orderId)).state).toBe(CANCELLED);
    expect(["voided", "refunded"]).toContain(payments(owners)[0]);
  });

  test("of twenty fulfilments charges once and writes one transition", async () => {
    const { client, order, owners, history } = await startWithConfirmed();
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.fulfilOrder({ orderId: order.id })));
    expect(new Set(replies.map((reply) => reply.order?.etag)).size).toBe(1);
    expect(payments(owners)).toEqual(["captured"]);
    expect(await history(order.id)).toEqual([PENDING, CONFIRMED, FULFILLED]);
  });
});
