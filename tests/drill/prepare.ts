import { createClient, type Transport } from "@connectrpc/connect";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { OrderService, OrderState } from "@heddle/contracts/order/v1";
import { OverviewService } from "@heddle/contracts/overview/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import type { Timers } from "@heddle/mesh/runtime";

/** What is there before the drill begins. Plain data, which clients get as JSON. */
export interface Prepared {
  /** Customers with a number, an account, a score and an overview. */
  readonly customerIds: readonly string[];
  /** Orders that were cancelled: a stream of one's transitions ends by itself. */
  readonly endedOrderIds: readonly string[];
  /** Transitions that each of these has. */
  readonly endedTransitions: number;
  /** Confirmed orders that stay open. */
  readonly openOrderIds: readonly string[];
}

const CUSTOMERS = 20;
const OPEN_ORDERS = 4;
/** Minor units: more than all orders of a drill together. */
const CREDIT_LIMIT = 10n ** 15n;
/** Milliseconds between looks whether what events bring has come, and looks. */
const LOOK_EVERY_MS = 100;
const LOOKS_MAX = 300;

const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });

/** What is ordered: so cheap that the credit line alone decides. */
export const ORDER_LINES = [{ sku: "drill-1", description: "A drill", quantity: 1, unitPrice: usd(1n) }];

export const prepare = async (transport: Transport, timers: Timers): Promise<Prepared> => {
  const orders = createClient(OrderService, transport);
  const place = async (customerId: string): Promise<string> => {
    const { order } = await orders.placeOrder({ customerId, lines: ORDER_LINES });
    if (order?.state !== OrderState.CONFIRMED)
      throw new Error(`order ${order?.id} is ${OrderState[order?.state ?? 0]}`);
    return order.id;
  };
  const customerIds = await Promise.all(Array.from({ length: CUSTOMERS }, (_, index) => buyer(transport, index)));
  const endedOrderIds: string[] = [];
  for (const customerId of customerIds) {
    const orderId = await place(customerId);
    await orders.cancelOrder({ orderId, reason: "Only a drill." });
    endedOrderIds.push(orderId);
  }
  const openOrderIds: string[] = [];
  for (const customerId of customerIds.slice(0, OPEN_ORDERS)) openOrderIds.push(await place(customerId));
  const scores = createClient(CreditScoreService, transport);
  const overviews = createClient(OverviewService, transport);
  await until(timers, async () => {
    for (const customerId of customerIds) {
      await scores.getCreditScore({ customerId });
      await overviews.getCustomerOverview({ customerId });
    }
  });
  const { transitions } = await orders.listOrderTransitions({ orderId: endedOrderIds[0] ?? "" });
  return { customerIds, endedOrderIds, endedTransitions: transitions.length, openOrderIds };
};

const buyer = async (transport: Transport, index: number): Promise<string> => {
  const person = { givenName: "Ada", familyName: "Drill", email: `ada${index}@drill.example` };
  const { customer } = await createClient(CustomerService, transport).createCustomer(person);
  const customerId = customer?.id ?? "";
  const numbers = createClient(SocialSecurityService, transport);
  const number = `12345${6_000 + index}`;
  await numbers.registerNumber({ customerId, number });
  await numbers.verifyNumber({ customerId, number });
  await createClient(BillingService, transport).openAccount({ customerId, creditLimit: usd(CREDIT_LIMIT) });
  return customerId;
};

const until = async (timers: Timers, succeeds: () => Promise<void>): Promise<void> => {
  for (let look = 0; ; look++) {
    try {
      await succeeds();
      return;
    } catch (error) {
      if (look === LOOKS_MAX) throw error;
      await timers.sleep(LOOK_EVERY_MS);
    }
  }
};
