import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { OrderService, OrderState } from "@heddle/contracts/order/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMesh, type TestMesh } from "./mesh.ts";

/** What a machine needs at most that is busy with other things. */
const BUSY = { timeout: 30_000, interval: 50 };

let mesh: TestMesh;
let customerId: string;

beforeAll(async () => {
  mesh = await startMesh(["customer", "socialsecurity", "creditscore", "billing", "order"]);
  const { customer } = await mesh.client(CustomerService).createCustomer({
    givenName: "Ada",
    familyName: "Lovelace",
    email: "ada@example.com",
    phone: "+442071234567",
  });
  customerId = customer?.id ?? "";
  const number = { customerId, number: "123-45-6789" };
  await mesh.client(SocialSecurityService).registerNumber(number);
  await mesh.client(SocialSecurityService).verifyNumber(number);
  const creditLimit = { currencyCode: "USD", minorUnits: 1_000_000n };
  await mesh.client(BillingService).openAccount({ customerId, creditLimit });
}, 60_000);

afterAll(async () => {
  await mesh.stop();
}, 60_000);

/** What became of an order that is placed by way of `url`. */
const place = async (url: string): Promise<string> => {
  const orders = createClient(OrderService, createGrpcTransport({ baseUrl: url }));
  const unitPrice = { currencyCode: "USD", minorUnits: 100n };
  try {
    const { order } = await orders.placeOrder({
      customerId,
      lines: [{ sku: "loom-1", description: "A loom", quantity: 1, unitPrice }],
    });
    return OrderState[order?.state ?? OrderState.UNSPECIFIED];
  } catch (error) {
    return String(error);
  }
};

test("services that call each other do not notice that the gateway is killed, is away, and comes back", async () => {
  // An order calls four other services. Each instance is asked itself, so that nothing but these calls needs the gateway.
  const order = `http://${mesh.addressOf("order")}`;
  const states: string[] = [];
  let done = false;
  const callers = Array.from({ length: 4 }, async () => {
    while (!done) states.push(await place(order));
  });
  const someMore = async () => {
    const before = states.length;
    await expect.poll(() => states.length - before, BUSY).toBeGreaterThan(20);
  };
  await someMore();
  await mesh.kill("gateway", "SIGKILL");
  await someMore();
  await mesh.start("gateway");
  await someMore();
  done = true;
  await Promise.all(callers);
  expect(states.filter((state) => state !== "CONFIRMED")).toEqual([]);
}, 120_000);

test("a gateway that was killed takes calls for everybody as soon as it listens, and instances come back in a moment", async () => {
  await mesh.kill("gateway", "SIGKILL");
  await mesh.start("gateway");
  expect(await place(mesh.url)).toBe("CONFIRMED");
  const registered = () => new Set(mesh.logOf("gateway").match(/"instanceId":"\w+"[^\n]*instance entered/g)).size;
  await expect.poll(registered, BUSY).toBeGreaterThanOrEqual(5);
  const { instances } = await mesh.client(RegistryService).listInstances({});
  expect(instances.map(({ serviceName }) => serviceName).sort()).toEqual([
    "billing",
    "creditscore",
    "customer",
    "order",
    "socialsecurity",
  ]);
}, 60_000);
