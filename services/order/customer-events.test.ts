import { Code } from "@connectrpc/connect";
import { CustomerDeletedSchema, CustomerState, CustomerUndeletedSchema } from "@heddle/contracts/customer/v1";
import { SagaState, SagaStepState } from "@heddle/contracts/heddle/saga/v1";
import { OrderState, OrderRejectionReason as Reason } from "@heddle/contracts/order/v1";
import { expect, test, vi } from "vitest";
import { type FakeOwners, fakeOwners, refusal } from "./fixtures/fake-owners.ts";
import { ADA, EVE, startOrder } from "./fixtures/start-order.ts";

const { PENDING, CONFIRMED, REJECTED, CANCELLED, FULFILLED } = OrderState;

type Service = Awaited<ReturnType<typeof startOrder>>;

const payments = ({ billing }: FakeOwners) => [...billing.payments.values()].map(({ state }) => state);

/** The event of a deletion, applied while the customer is deleted. */
const deleteCustomer = async (service: Service, id = ADA) => {
  service.owners.customerState = () => CustomerState.DELETED;
  await service.deliver("customer", CustomerDeletedSchema, id, { customer: { id } });
};

test("when a customer is deleted, what is confirmed is cancelled, what is fulfilled stays, and others' orders too", async () => {
  const service = await startOrder();
  const { client, place, read, history, owners, pass } = service;
  const [open, done, of] = [await place(), await place(), await place({ customerId: EVE })];
  await client.fulfilOrder({ orderId: done.id });
  await deleteCustomer(service);
  await pass(3_000);
  expect((await read(open.id)).state).toBe(CANCELLED);
  expect((await read(done.id)).state).toBe(FULFILLED);
  expect((await read(of.id)).state).toBe(CONFIRMED);
  expect(payments(owners)).toEqual(["voided", "captured", "authorized"]);
  expect(await history(open.id)).toEqual([PENDING, CONFIRMED, CANCELLED]);
  const { transitions } = await client.listOrderTransitions({ orderId: open.id });
  expect(transitions.at(-1)?.reason).toBe("The customer was deleted.");
});

test("an order whose customer is deleted after billing has authorized it is rejected, and the void is on record", async () => {
  const owners = fakeOwners();
  const service = await startOrder({ owners });
  owners.afterBilling = async (rpc) => {
    if (rpc === "authorize") await deleteCustomer(service);
  };
  const order = await service.place();
  expect(order).toMatchObject({ state: REJECTED, rejectionReason: Reason.CUSTOMER_NOT_ACTIVE, authorizationId: "" });
  expect(payments(owners)).toEqual(["voided"]);
  const [saga] = (await service.sagas.listSagas({ key: order.id })).sagas;
  expect(saga).toMatchObject({
    name: "place-order",
    state: SagaState.COMPENSATED,
    failure: { step: "confirm-order", reason: "CUSTOMER_NOT_ACTIVE" },
  });
  const authorize = saga?.steps.find(({ name }) => name === "authorize-payment");
  expect(authorize).toMatchObject({ state: SagaStepState.COMPENSATED, attempts: 1, lastError: "" });
  expect(authorize?.compensation).toMatchObject({ name: "void-payment", attempts: 1 });
  expect(authorize?.compensation?.startTime).toBeDefined();
  expect(authorize?.compensation?.endTime).toBeDefined();
});

test("a watch of an order that is cancelled with its customer goes on where it was, and ends", async () => {
  const service = await startOrder();
  const { id: orderId } = await service.place();
  const seen: bigint[] = [];
  const watching = (async () => {
    for await (const { transition } of service.client.watchOrder({ orderId, afterSequence: 1n })) {
      seen.push(transition?.sequence ?? 0n);
    }
  })();
  await vi.waitFor(() => expect(seen).toEqual([2n]));
  await deleteCustomer(service);
  await service.pass(3_000);
  await watching;
  expect(seen).toEqual([2n, 3n]);
});

test("the event that comes twice cancels once, and one of a customer who came back changes nothing that is done", async () => {
  const service = await startOrder();
  const { id } = await service.place();
  await deleteCustomer(service);
  await deleteCustomer(service);
  await service.pass(3_000);
  await deleteCustomer(service);
  await service.pass(3_000);
  expect(await service.history(id)).toEqual([PENDING, CONFIRMED, CANCELLED]);
  expect(service.owners.asked.void).toBe(1);
  service.owners.customerState = () => CustomerState.ACTIVE;
  await service.deliver("customer", CustomerUndeletedSchema, ADA, { customer: { id: ADA } });
  expect((await service.read(id)).state).toBe(CANCELLED);
  expect((await service.place()).state).toBe(CONFIRMED);
});

test("a deletion that is told after the customer came back cancels what was placed before it, and nothing that was placed since", async () => {
  const service = await startOrder();
  const old = await service.place();
  await service.pass(1_000);
  const deleted = service.now();
  await service.pass(1_000);
  const since = await service.place();
  await service.deliver("customer", CustomerDeletedSchema, ADA, { customer: { id: ADA } }, deleted);
  await service.pass(3_000);
  expect((await service.read(old.id)).state).toBe(CANCELLED);
  expect((await service.read(since.id)).state).toBe(CONFIRMED);
  expect((await service.place()).state).toBe(CONFIRMED);
});

test("a deletion of a customer whom its owner does not know any more is a deletion", async () => {
  const service = await startOrder();
  const { id } = await service.place();
  service.owners.customerState = () => {
    throw refusal("customer.v1", "CUSTOMER_NOT_FOUND", Code.NotFound);
  };
  await service.deliver("customer", CustomerDeletedSchema, ADA, { customer: { id: ADA } });
  await service.pass(3_000);
  expect((await service.read(id)).state).toBe(CANCELLED);
});
