import process from "node:process";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { type Order, OrderRejectionReason, OrderService, OrderState } from "@heddle/contracts/order/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { runHeddle } from "./heddle-up.ts";
import { startMesh, type TestMesh } from "./mesh.ts";

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh(["customer", "socialsecurity", "creditscore", "order", "billing"]);
}, 60_000);
afterAll(() => mesh.stop());

const usd = (minorUnits: number) => ({ currencyCode: "USD", minorUnits: BigInt(minorUnits) });
const LINES = [{ sku: "LAMP-01", quantity: 2, unitPrice: usd(1995) }];
/** Time enough for a machine that does other things as well. */
const PATIENCE = { timeout: 20_000, interval: 100 };

const heddle = async (...args: string[]) =>
  runHeddle([...args, "--gateway", mesh.url], { ...process.env, NO_COLOR: "1" });

let customers = 0;

/** A customer who may order, and its account. */
const newCustomer = async () => {
  customers += 1;
  const email = `ada${customers}@example.com`;
  const { customer } = await mesh.client(CustomerService).createCustomer({ givenName: "Ada", familyName: "L", email });
  const customerId = customer?.id ?? "";
  const number = { customerId, number: `123-45-000${customers}` };
  await mesh.client(SocialSecurityService).registerNumber(number);
  await mesh.client(SocialSecurityService).verifyNumber(number);
  await mesh.client(BillingService).openAccount({ customerId, creditLimit: usd(100_000) });
  return customerId;
};

const place = async (customerId: string): Promise<Order> => {
  const { order } = await mesh.client(OrderService).placeOrder({ customerId, lines: LINES });
  if (order === undefined) throw new Error("the reply holds no order");
  return order;
};

const held = async (customerId: string) => {
  const lookup = { case: "customerId", value: customerId } as const;
  const { account } = await mesh.client(BillingService).getAccount({ lookup });
  return [account?.authorizedAmount?.minorUnits, account?.balance?.minorUnits];
};

/** How many events of customers have taken effect at the order service. */
const applied = async (): Promise<bigint> => {
  const orders = createClient(SubscriptionService, addressedTo(createGrpcTransport({ baseUrl: mesh.url }), "order"));
  const { subscriptions } = await orders.listSubscriptions({});
  return subscriptions.find(({ source }) => source === "customer")?.eventsApplied ?? 0n;
};

/** Sends a signal to a service's process. */
const signal = async (service: string, name: NodeJS.Signals) => {
  const { instances } = await mesh.client(RegistryService).listInstances({});
  process.kill(Number(instances.find(({ serviceName }) => serviceName === service)?.processId), name);
};

test("an order that is refused after its authorization shows the void, with its times", async () => {
  const customerId = await newCustomer();
  await signal("billing", "SIGSTOP");
  const placed = place(customerId);
  await vi.waitFor(async () => {
    const { stdout } = await heddle("sagas", "list", "order", "--state", "running", "--json");
    const authorize = JSON.parse(stdout).steps.find(({ name }: { name: string }) => name === "authorize-payment");
    expect(authorize.attempts).toBeGreaterThan(0);
  }, PATIENCE);
  const before = await applied();
  await mesh.client(CustomerService).deleteCustomer({ customerId });
  await vi.waitFor(async () => expect(await applied()).toBeGreaterThan(before), PATIENCE);
  await signal("billing", "SIGCONT");
  const order = await placed;
  expect(order).toMatchObject({
    state: OrderState.REJECTED,
    rejectionReason: OrderRejectionReason.CUSTOMER_NOT_ACTIVE,
  });
  expect(await held(customerId)).toEqual([0n, 0n]);
  const { stdout, code } = await heddle("sagas", "show", order.id);
  expect(code).toBe(0);
  expect(stdout).toContain(`place-order version 1 of order, about ${order.id}`);
  expect(stdout).toMatch(/^failure: +confirm-order refused: CUSTOMER_NOT_ACTIVE$/m);
  const time = "\\d\\d:\\d\\d:\\d\\d\\.\\d{3}";
  expect(stdout).toMatch(new RegExp(`^authorize-payment +compensated +\\d+ +${time} +${time} +[0-9a-f]{32}$`, "m"));
  expect(stdout).toMatch(new RegExp(`^void-payment \\(undoes authorize-payment\\) +done +1 +${time} +${time} `, "m"));
  const { sagas } = JSON.parse(`{"sagas": [${(await heddle("sagas", "show", order.id, "--json")).stdout}]}`);
  expect(sagas).toMatchObject([{ service: "order", name: "place-order", state: "SAGA_STATE_COMPENSATED" }]);
}, 60_000);

test("an order that its service dies over is settled by the next process, and asked for by nobody", async () => {
  const customerId = await newCustomer();
  await signal("billing", "SIGSTOP");
  const placed = place(customerId).catch(() => undefined);
  const [saga] = await vi.waitFor(async () => {
    const { stdout } = await heddle("sagas", "list", "order", "--state", "running", "--json");
    return [JSON.parse(stdout)];
  }, PATIENCE);
  await mesh.kill("order", "SIGKILL");
  await signal("billing", "SIGCONT");
  await placed;
  await mesh.start("order");
  await vi.waitFor(async () => {
    const { order } = await mesh.client(OrderService).getOrder({ orderId: saga.key });
    expect(order?.state).toBe(OrderState.CONFIRMED);
  }, PATIENCE);
  expect(await held(customerId)).toEqual([3990n, 0n]);
  const { stdout } = await heddle("sagas", "show", saga.id);
  expect(stdout).toMatch(/^state: +completed$/m);
}, 60_000);

test("when a customer is deleted, its confirmed orders are cancelled and hold nothing", async () => {
  const customerId = await newCustomer();
  const orders = [await place(customerId), await place(customerId)];
  expect(await held(customerId)).toEqual([7980n, 0n]);
  await mesh.client(CustomerService).deleteCustomer({ customerId });
  await vi.waitFor(async () => {
    const { orders: now } = await mesh.client(OrderService).listOrders({ customerId });
    expect(now.map(({ state }) => state)).toEqual(orders.map(() => OrderState.CANCELLED));
  }, PATIENCE);
  expect(await held(customerId)).toEqual([0n, 0n]);
  const { stdout } = await heddle("sagas", "list", "--name", "cancel-order", "--key", orders[0]?.id ?? "");
  expect(stdout).toMatch(/^sag_\S+ +order +cancel-order +ord_\S+ +completed/m);
}, 60_000);

test("what is not there is told with the next step", async () => {
  const missing = await heddle("sagas", "show", "sag_0");
  expect(missing).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("There is no saga sag_0 in order."),
  });
  expect(missing.stderr).toContain("next:  heddle sagas list");
  expect((await heddle("sagas", "show", "ord_0")).stderr).toContain("There is no saga about ord_0 in order.");
  const { stdout } = await heddle("sagas", "list", "order", "--state", "completed", "-n", "1", "--json");
  const retried = await heddle("sagas", "retry", JSON.parse(stdout).id);
  expect(retried).toMatchObject({ code: 73, stderr: expect.stringContaining("SAGA_ENDED") });
  expect(await heddle("sagas", "list", "--state", "lost")).toMatchObject({ code: 2 });
  expect(await heddle("sagas", "list", "customer")).toMatchObject({ code: 78 });
}, 60_000);
