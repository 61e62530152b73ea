import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreFactorKind, CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { OverviewService } from "@heddle/contracts/overview/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import { expect, test, vi } from "vitest";
import { startMesh } from "./mesh.ts";

const PATIENCE = { timeout: 30_000, interval: 20 };
const COUNT = 40;

test("a view is built again from the first event while the old one answers, and shows the same", {
  timeout: 90_000,
}, async () => {
  const mesh = await startMesh();
  try {
    const overviews = mesh.client(OverviewService);
    const ids = await Promise.all(
      Array.from({ length: COUNT }, async (_, n) => {
        const { customer } = await mesh
          .client(CustomerService)
          .createCustomer({ givenName: "Ada", familyName: `Lovelace ${n}`, email: `${n}@example.com` });
        const customerId = customer?.id ?? "";
        // Never none at all: an unused line moves the score.
        const creditLimit = { currencyCode: "USD", minorUnits: BigInt(n + 1) };
        await mesh.client(BillingService).openAccount({ customerId, creditLimit });
        return customerId;
      }),
    );
    // Whoever asks for a score before its service has heard of the account gets a first one, and the last one is on its way.
    const unscored = async (customerId: string) => {
      const { creditScore } = await mesh.client(CreditScoreService).getCreditScore({ customerId });
      return creditScore?.factors.some(({ kind }) => kind === CreditScoreFactorKind.CREDIT_USE) ? [] : [customerId];
    };
    await vi.waitFor(async () => expect((await Promise.all(ids.map(unscored))).flat()).toEqual([]), PATIENCE);
    const differing = async (customerId: string) =>
      (await overviews.checkCustomerOverview({ customerId })).agrees ? [] : [customerId];
    await vi.waitFor(async () => expect((await Promise.all(ids.map(differing))).flat()).toEqual([]), PATIENCE);
    const list = async () => (await overviews.listCustomerOverviews({ pageSize: 500 })).customerOverviews;
    const before = await list();
    expect(before).toHaveLength(COUNT);

    const transport = createGrpcTransport({ baseUrl: mesh.url });
    const subscriptions = createClient(SubscriptionService, addressedTo(transport, "overview"));
    const { generation } = await subscriptions.rebuildView({ view: "overview" });
    expect(generation).toBe(2);
    await vi.waitFor(async () => {
      // Whatever is in force, the answer is whole.
      expect(await list()).toHaveLength(COUNT);
      const { subscriptions: found } = await subscriptions.listSubscriptions({});
      expect(found.filter(({ inForce }) => inForce).map((one) => one.generation)).toEqual([2, 2, 2, 2, 2]);
    }, PATIENCE);
    expect(await list()).toEqual(before);
  } finally {
    await mesh.stop();
  }
});
