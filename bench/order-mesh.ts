import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { type Order, OrderService, OrderState } from "@heddle/contracts/order/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { type Contestant, freePort, startService } from "./contestant.ts";

/** The services that an order passes through; the one that places it last. */
const SERVICES = ["customer", "socialsecurity", "creditscore", "billing", "order"] as const;
export type OrderMeshService = "gateway" | (typeof SERVICES)[number];

/** What is ordered: cheap enough that the credit line alone decides, whatever the score. */
export const ORDER_LINES = [
  { sku: "loom-1", description: "A loom", quantity: 1, unitPrice: { currencyCode: "USD", minorUnits: 1_00n } },
];

/** Minor units: more than all orders of a benchmark together. */
const CREDIT_LIMIT = 10n ** 15n;

/** A gateway and the five services of an order, each a process. */
export interface OrderMesh {
  readonly services: ReadonlyMap<OrderMeshService, Contestant>;
  readonly pids: readonly number[];
  /** The folder with a folder for each service's database. */
  readonly folder: string;
  readonly orders: Client<typeof OrderService>;
  /** Makes a customer who may order: with a verified number and an account; resolves to its id. */
  createBuyer(number: number): Promise<string>;
  /** Ends the processes; the databases stay until `remove`. */
  stop(): Promise<void>;
  remove(): void;
}

export const startOrderMesh = async (): Promise<OrderMesh> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  const services = new Map<OrderMeshService, Contestant>();
  const stop = async () => {
    for (const service of [...services.values()].toReversed()) await service.stop();
  };
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const env = { HEDDLE_DATA: folder, HEDDLE_PORT: String(await freePort()), HEDDLE_LOG_LEVEL: "info" };
    for (const name of ["gateway", ...SERVICES] as const) services.set(name, await startService(name, { env }));
  } catch (error) {
    await stop();
    remove();
    throw error;
  }
  const baseUrl = `http://${services.get("gateway")?.address}`;
  const transport = createGrpcTransport({ baseUrl });
  return {
    services,
    pids: [...services.values()].map(({ pid }) => pid),
    folder,
    orders: createClient(OrderService, transport),
    async createBuyer(number) {
      const { customer } = await createClient(CustomerService, transport).createCustomer({
        givenName: "Ada",
        familyName: "Lovelace",
        email: `ada${number}@example.com`,
        phone: "+442071234567",
      });
      const customerId = customer?.id ?? "";
      const numbers = createClient(SocialSecurityService, transport);
      // Area, group and serial, none of them zero.
      const issued = `123${String(10 + Math.floor(number / 9_000)).padStart(2, "0")}${1_000 + (number % 9_000)}`;
      await numbers.registerNumber({ customerId, number: issued });
      await numbers.verifyNumber({ customerId, number: issued });
      await createClient(BillingService, transport).openAccount({
        customerId,
        creditLimit: { currencyCode: "USD", minorUnits: CREDIT_LIMIT },
      });
      return customerId;
    },
    stop,
    remove,
  };
};

/** Throws unless the order was confirmed. */
export const confirmed = (order: Order | undefined): Order => {
  if (order?.state !== OrderState.CONFIRMED) {
    throw new Error(`an order was not confirmed: ${OrderState[order?.state ?? OrderState.UNSPECIFIED]}`);
  }
  return order;
};
