import { CustomerDeletedSchema, CustomerState } from "@heddle/contracts/customer/v1";
import { type Order, OrderState } from "@heddle/contracts/order/v1";
import { RecordState } from "@heddle/contracts/socialsecurity/v1";
import { expect, test } from "vitest";
import { crashEverywhere, disturbEverywhere, liveAndRecover, type Scenario } from "./fixtures/crash-everywhere.ts";
import { cutOff } from "./fixtures/cut-off.ts";
import { type FakeOwners, fakeOwners } from "./fixtures/fake-owners.ts";
import { ADA, LINES, type startOrder } from "./fixtures/start-order.ts";

type Service = Awaited<ReturnType<typeof startOrder>>;

/** What billing has to hold of an order in each state; nothing of one that is not here. */
const HOLDS: Partial<Record<OrderState, string>> = {
  [OrderState.CONFIRMED]: "authorized",
  [OrderState.FULFILLED]: "captured",
};

/** Billing holds and has charged just what the orders say, each order once. */
const checkBilling = ({ billing }: FakeOwners, orders: readonly Order[]): void => {
  const live = [...billing.payments].filter(([, { state }]) => state === "authorized" || state === "captured");
  const expected = orders.flatMap(({ id, state, authorizationId }) =>
    HOLDS[state] === undefined ? [] : [[authorizationId, id, HOLDS[state]]],
  );
  expect(live.map(([id, { request, state }]) => [id, request.reference, state]).sort()).toEqual(expected.sort());
};

const bulk = { customerId: ADA, lines: [{ ...LINES[0], quantity: 10 }] };
const place = async ({ client }: Service) => (await client.placeOrder(bulk)).order;

const scenarioOf = (
  owners: FakeOwners,
  steps: Pick<Scenario, "act"> & Partial<Pick<Scenario, "prepare" | "lives">>,
): Scenario => ({
  implementations: owners.implementations,
  check: (orders) => checkBilling(owners, orders),
  ...steps,
});

/** Owners of whom one answers otherwise than well. */
const owners = (change: (owners: FakeOwners) => void = () => undefined): FakeOwners => {
  const made = fakeOwners();
  change(made);
  return made;
};

const placing = (change?: (made: FakeOwners) => void) => () => scenarioOf(owners(change), { act: place });

/** The customer is deleted while billing holds the total, and before the order is confirmed. */
const deletedMeanwhile = (): Scenario => {
  const made = owners();
  const living: { service?: Service } = {};
  made.afterBilling = async (rpc) => {
    if (rpc !== "authorize") return;
    made.customerState = () => CustomerState.DELETED;
    await living.service?.deliver("customer", CustomerDeletedSchema, ADA, { customer: { id: ADA } });
  };
  return scenarioOf(made, {
    act: place,
    lives: (service) => {
      living.service = service;
    },
  });
};

const confirmed: Pick<Scenario, "prepare"> = {
  async prepare(service) {
    await place(service);
  },
};
const fulfilled: Pick<Scenario, "prepare"> = {
  async prepare(service) {
    await place(service);
    const orderId = await only(service);
    await service.client.fulfilOrder({ orderId });
  },
};
const only = async ({ client }: Service): Promise<string> => (await client.listOrders({})).orders[0]?.id ?? "";
const cancel = async (service: Service) => (await service.client.cancelOrder({ orderId: await only(service) })).order;
const fulfil = async (service: Service) => (await service.client.fulfilOrder({ orderId: await only(service) })).order;

const scenarios: readonly [string, () => Scenario][] = [
  ["an order that is confirmed", placing()],
  [
    "a customer who is not active",
    placing((made) => Object.assign(made, { customerState: () => CustomerState.DELETED })),
  ],
  [
    "a number that is not verified",
    placing((made) => Object.assign(made, { recordState: () => RecordState.REGISTERED })),
  ],
  ["a score that is too low", placing((made) => Object.assign(made, { score: () => 300 }))],
  ["a credit line that is too small", placing((made) => Object.assign(made.billing, { creditLimit: 100n }))],
  ["a customer who is deleted after the authorization", deletedMeanwhile],
  ["a cancellation", () => scenarioOf(owners(), { ...confirmed, act: cancel })],
  ["a cancellation of what was charged", () => scenarioOf(owners(), { ...fulfilled, act: cancel })],
  ["a fulfilment", () => scenarioOf(owners(), { ...confirmed, act: fulfil })],
];

const TIMEOUT_MS = 300_000;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

test.each(scenarios)(
  "%s: whichever boundary the process dies at, the order ends whole and billing agrees",
  async (name, scenario) => {
    const boundaries = await crashEverywhere(scenario);
    say(`${name}: died at each of ${boundaries.length} boundaries`);
    expect(boundaries.length).toBeGreaterThan(5);
  },
  TIMEOUT_MS,
);

/** The others ask for nothing that these do not. */
const RICHEST: readonly string[] = [
  "an order that is confirmed",
  "a credit line that is too small",
  "a customer who is deleted after the authorization",
  "a cancellation of what was charged",
  "a fulfilment",
];

test.each(scenarios.filter(([name]) => RICHEST.includes(name)))(
  "%s: whichever request is lost, loses its answer, comes twice or late, the order ends whole and billing agrees",
  async (name, scenario) => {
    const tried = await disturbEverywhere(scenario);
    say(`${name}: ${tried} disturbances`);
    expect(tried).toBeGreaterThanOrEqual(4);
  },
  TIMEOUT_MS,
);

test(
  "a process that dies again while it recovers, at any boundary, leaves as little behind",
  async () => {
    let tried = 0;
    for (let at = 3; at <= 18; at += 5) {
      for (let again = 1; again <= 12; again += 4) {
        await liveAndRecover(deletedMeanwhile(), cutOff(at), cutOff(again));
        tried += 1;
      }
    }
    say(`${tried} pairs of deaths`);
  },
  TIMEOUT_MS,
);
