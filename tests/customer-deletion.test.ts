import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreService as CreditScoreServiceV1 } from "@heddle/contracts/creditscore/v1";
import { CreditScoreFactorKind, CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { OrderService, OrderState } from "@heddle/contracts/order/v1";
import { OverviewService } from "@heddle/contracts/overview/v1";
import { AccessKind, RecordState, SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startMesh, type TestMesh } from "./mesh.ts";

const NUMBER = "345-67-8901";
const PATIENCE = { timeout: 30_000, interval: 50 };

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh();
}, 60_000);
afterAll(() => mesh.stop());

/** A customer of whom every service but order knows something. */
const newCustomer = async (familyName: string, number: string) => {
  const { customer } = await mesh
    .client(CustomerService)
    .createCustomer({ givenName: "Ada", familyName, email: `${familyName}@example.com` });
  const customerId = customer?.id ?? "";
  await mesh.client(SocialSecurityService).registerNumber({ customerId, number });
  await mesh.client(SocialSecurityService).verifyNumber({ customerId, number });
  const creditLimit = { currencyCode: "USD", minorUnits: 100_000n };
  const { account } = await mesh.client(BillingService).openAccount({ customerId, creditLimit });
  await mesh
    .client(BillingService)
    .recordPayment({ accountId: account?.id ?? "", amount: { currencyCode: "USD", minorUnits: 500n } });
  return customerId;
};

/** Resolves when view and composition say the same. */
const agreed = (customerId: string) =>
  vi.waitFor(async () => {
    const reply = await mesh.client(OverviewService).checkCustomerOverview({ customerId });
    expect(reply).toMatchObject({ agrees: true, differences: [], uncheckedSources: [] });
  }, PATIENCE);

const factorsOf = async (customerId: string) =>
  (await mesh.client(CreditScoreService).getCreditScore({ customerId })).creditScore?.factors.map(({ kind }) => kind);

test("what happens to number and account reaches the score, in both versions, and the view", {
  timeout: 90_000,
}, async () => {
  const customerId = await newCustomer("Lovelace", NUMBER);
  await vi.waitFor(async () => {
    expect(await factorsOf(customerId)).toEqual(
      expect.arrayContaining([
        CreditScoreFactorKind.VERIFIED_NUMBER,
        CreditScoreFactorKind.PAYMENT_HISTORY,
        CreditScoreFactorKind.CREDIT_USE,
      ]),
    );
  }, PATIENCE);
  const { creditScore: one } = await mesh.client(CreditScoreServiceV1).getCreditScore({ customerId });
  const { creditScore: two } = await mesh.client(CreditScoreService).getCreditScore({ customerId });
  expect([one?.id, one?.score]).toEqual([two?.id, two?.value]);
  await agreed(customerId);
  const { customerOverview: view } = await mesh.client(OverviewService).getCustomerOverview({ customerId });
  expect(view).toMatchObject({
    customer: { displayName: "Ada Lovelace", active: true },
    number: { verified: true },
    creditScore: { value: two?.value },
    account: { balance: { minorUnits: -500n } },
  });
});

test("the deletion of a customer reaches every service, and its undeletion brings back no number", {
  timeout: 90_000,
}, async () => {
  const number = "345-67-8902";
  const customerId = await newCustomer("Byron", number);
  const line = {
    sku: "LAMP-01",
    description: "Lamp",
    quantity: 1,
    unitPrice: { currencyCode: "USD", minorUnits: 900n },
  };
  const { order } = await mesh.client(OrderService).placeOrder({ customerId, lines: [line] });
  expect(order?.state).toBe(OrderState.CONFIRMED);
  await agreed(customerId);
  await mesh.client(CustomerService).deleteCustomer({ customerId });
  await vi.waitFor(async () => {
    const { order: cancelled } = await mesh.client(OrderService).getOrder({ orderId: order?.id ?? "" });
    expect(cancelled?.state).toBe(OrderState.CANCELLED);
    const lookup = { case: "customerId", value: customerId } as const;
    expect((await mesh.client(BillingService).getAccount({ lookup })).account?.authorizedAmount?.minorUnits).toBe(0n);
    const { record } = await mesh.client(SocialSecurityService).getRecord({ customerId });
    expect(record).toMatchObject({ state: RecordState.ERASED, maskedNumber: "" });
    expect(await factorsOf(customerId)).not.toContain(CreditScoreFactorKind.VERIFIED_NUMBER);
    const { customerOverview: view } = await mesh.client(OverviewService).getCustomerOverview({ customerId });
    expect(view).toMatchObject({
      customer: { displayName: "", email: "", active: false },
      number: { verified: false },
      account: { balance: { minorUnits: -500n } },
    });
  }, PATIENCE);
  await agreed(customerId);
  const { accesses } = await mesh.client(SocialSecurityService).listAccesses({ customerId });
  expect(accesses.at(-1)).toMatchObject({ kind: AccessKind.ERASE, caller: "customer" });

  await mesh.client(CustomerService).undeleteCustomer({ customerId });
  expect((await mesh.client(SocialSecurityService).getRecord({ customerId })).record?.state).toBe(RecordState.ERASED);
  // The service takes a number again as soon as it has heard.
  await vi.waitFor(() => mesh.client(SocialSecurityService).registerNumber({ customerId, number }), PATIENCE);
  await agreed(customerId);
  const { customerOverview: view } = await mesh.client(OverviewService).getCustomerOverview({ customerId });
  expect(view).toMatchObject({ customer: { displayName: "Ada Byron", active: true }, number: { verified: false } });
});

test("a deletion that was told while overview and socialsecurity were dead is followed when they are back", {
  timeout: 90_000,
}, async () => {
  const customerId = await newCustomer("Somerville", "345-67-8903");
  await agreed(customerId);
  await Promise.all(["socialsecurity", "overview"].map((service) => mesh.kill(service, "SIGKILL")));
  await mesh.client(CustomerService).deleteCustomer({ customerId });
  await Promise.all(["socialsecurity", "overview"].map((service) => mesh.start(service)));
  await vi.waitFor(async () => {
    const { record } = await mesh.client(SocialSecurityService).getRecord({ customerId });
    expect(record?.state).toBe(RecordState.ERASED);
  }, PATIENCE);
  await agreed(customerId);
  // What is in the files of a stopped service is what is kept.
  await mesh.kill("overview", "SIGTERM");
  const folder = join(mesh.dataFolder, "overview");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = Buffer.concat(files.map(({ parentPath, name }) => readFileSync(join(parentPath, name))));
  expect(bytes.includes("Lovelace")).toBe(true);
  expect(bytes.includes("Somerville")).toBe(false);
  await mesh.start("overview");
});
