import type { ServiceImpl } from "@connectrpc/connect";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CustomerDeletedSchema } from "@heddle/contracts/customer/v1";
import { type Order, OrderState } from "@heddle/contracts/order/v1";
import { backgroundCall, currentCall, type Implementation, implementation, runInCall } from "@heddle/mesh/rpc";
import { startTestService } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { billing } from "../services/billing/service.ts";
import { crashEverywhere, type Scenario } from "../services/order/fixtures/crash-everywhere.ts";
import { fakeOwners } from "../services/order/fixtures/fake-owners.ts";
import { ADA, dollars, LINES, type startOrder } from "../services/order/fixtures/start-order.ts";

type Service = Awaited<ReturnType<typeof startOrder>>;

const CREDIT_LIMIT = 1_000_000;

/** A billing service with an account of Ada's; and what reaches it from an order whose time is not its own. */
const startBilling = async () => {
  const service = await startTestService(billing);
  onTestFinished(() => service.stop());
  const client = service.client(BillingService);
  await client.openAccount({ customerId: ADA, creditLimit: dollars(CREDIT_LIMIT) });
  const after: { authorize?: () => Promise<void> } = {};
  const forwarded = BillingService.methods.map(({ localName }) => {
    const call = client[localName as keyof typeof client] as (request: object) => Promise<object>;
    const forward = async (request: object): Promise<object> => {
      const replay = currentCall()?.replay;
      if (replay !== undefined) replay.recorded = true;
      const reply = await runInCall(backgroundCall(""), () => call(request));
      if (localName === "authorizePayment") await after.authorize?.();
      return reply;
    };
    return [localName, forward] as const;
  });
  const handlers = Object.fromEntries(forwarded) as unknown as ServiceImpl<typeof BillingService>;
  return { client, after, implementation: implementation(BillingService, handlers) };
};

/** What a caller does with an order service, among others that find Ada good, and a billing with books. */
const scenarioOf = async (
  steps: Pick<Scenario, "act" | "prepare">,
  deletedAfterAuthorization = false,
): Promise<Scenario> => {
  const books = await startBilling();
  const living: { service?: Service } = {};
  if (deletedAfterAuthorization)
    books.after.authorize = async () => living.service?.deliver("customer", CustomerDeletedSchema, ADA, {});
  const others = fakeOwners().implementations.filter(({ service }) => service.typeName !== BillingService.typeName);
  const implementations: Implementation[] = [...others, books.implementation];
  return {
    ...steps,
    implementations,
    lives: (service) => {
      living.service = service;
    },
    check: (orders) => checkBooks(books.client, orders),
  };
};

const totalIn = (orders: readonly Order[], state: OrderState): bigint =>
  orders.filter((order) => order.state === state).reduce((sum, { total }) => sum + (total?.minorUnits ?? 0n), 0n);

/** Billing holds what is confirmed, is owed what is fulfilled, and its debits equal its credits. */
const checkBooks = async (
  client: Awaited<ReturnType<typeof startBilling>>["client"],
  orders: readonly Order[],
): Promise<void> => {
  const { account } = await client.getAccount({ lookup: { case: "customerId", value: ADA } });
  expect(account?.authorizedAmount?.minorUnits).toBe(totalIn(orders, OrderState.CONFIRMED));
  expect(account?.balance?.minorUnits).toBe(totalIn(orders, OrderState.FULFILLED));
  const { trialBalances } = await client.getTrialBalance({});
  expect(trialBalances.every(({ balanced }) => balanced)).toBe(true);
};

const place = async ({ client }: Service) => (await client.placeOrder({ customerId: ADA, lines: LINES })).order;
const only = async ({ client }: Service): Promise<string> => (await client.listOrders({})).orders[0]?.id ?? "";
const placed: Pick<Scenario, "prepare"> = {
  async prepare(service) {
    await place(service);
  },
};
const fulfilled: Pick<Scenario, "prepare"> = {
  async prepare(service) {
    await place(service);
    await service.client.fulfilOrder({ orderId: await only(service) });
  },
};
const cancel = async (service: Service) => (await service.client.cancelOrder({ orderId: await only(service) })).order;
const fulfil = async (service: Service) => (await service.client.fulfilOrder({ orderId: await only(service) })).order;

test.each<[string, () => Promise<Scenario>]>([
  ["an order that is confirmed", () => scenarioOf({ act: place })],
  ["a customer who is deleted after the authorization", () => scenarioOf({ act: place }, true)],
  ["a fulfilment", () => scenarioOf({ ...placed, act: fulfil })],
  ["a cancellation of what was charged", () => scenarioOf({ ...fulfilled, act: cancel })],
])(
  "%s: whichever boundary its process dies at, the books of the real billing agree with the orders",
  async (name, scenario) => {
    const boundaries = await crashEverywhere(scenario);
    process.stderr.write(`${name}, real billing: died at each of ${boundaries.length} boundaries\n`);
    expect(boundaries.length).toBeGreaterThan(5);
  },
  300_000,
);
