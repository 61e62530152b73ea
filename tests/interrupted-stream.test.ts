import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { OrderService, OrderState } from "@heddle/contracts/order/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMesh, type TestMesh } from "./mesh.ts";

let mesh: TestMesh;
let orderId: string;
beforeAll(async () => {
  mesh = await startMesh();
  orderId = await confirmedOrder();
}, 60_000);
afterAll(() => mesh.stop(), 30_000);

/** An order that stays open, so that a watcher of it is left with a stream. */
const confirmedOrder = async (): Promise<string> => {
  const person = { givenName: "Ada", familyName: "Lovelace", email: "ada@example.com" };
  const { customer } = await mesh.client(CustomerService).createCustomer(person);
  const customerId = customer?.id ?? "";
  const numbers = mesh.client(SocialSecurityService);
  await numbers.registerNumber({ customerId, number: "123-45-6789" });
  await numbers.verifyNumber({ customerId, number: "123-45-6789" });
  const money = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });
  await mesh.client(BillingService).openAccount({ customerId, creditLimit: money(100_000n) });
  const lines = [{ sku: "SKU-1", description: "a pencil", quantity: 1, unitPrice: money(1n) }];
  const { order } = await mesh.client(OrderService).placeOrder({ customerId, lines });
  expect(order?.state).toBe(OrderState.CONFIRMED);
  return order?.id ?? "";
};

test.each<[string, () => Transport]>([
  ["gRPC", () => createGrpcTransport({ baseUrl: mesh.url })],
  ["gRPC-Web", () => createGrpcWebTransport({ baseUrl: mesh.url, httpVersion: "1.1" })],
  ["Connect", () => createConnectTransport({ baseUrl: mesh.url, httpVersion: "1.1" })],
])(
  "by %s, a stream whose service is killed ends with UNAVAILABLE, and nothing of it was lost",
  async (_, transport) => {
    const orders = createClient(OrderService, transport());
    const seen: bigint[] = [];
    const watch = async (afterSequence: bigint) => {
      for await (const { transition } of orders.watchOrder({ orderId, afterSequence })) {
        seen.push(transition?.sequence ?? 0n);
        if (transition?.toState === OrderState.CONFIRMED) void mesh.kill("order", "SIGKILL");
      }
    };
    const error = ConnectError.from(
      await watch(0n).then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
    );
    expect(Code[error.code]).toBe("Unavailable");
    expect(error.findDetails(ErrorInfoSchema).map(({ reason }) => reason)).toEqual(["INSTANCE_UNREACHABLE"]);
    await mesh.start("order");
    const { transitions } = await orders.listOrderTransitions({ orderId });
    expect(seen).toEqual(transitions.map(({ sequence }) => sequence));
  },
);
