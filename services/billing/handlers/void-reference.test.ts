import { AuthorizationState } from "@heddle/contracts/billing/v1";
import { expectFailure } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { published, restartableBilling } from "../fixtures/restartable-billing.ts";

const ADA = `cus_${"0".repeat(25)}1`;
const REQUEST_ID = "0b8a2a3e-6f0e-4c49-9d0b-6a2a3f0f8c11";
const usd = (minorUnits: number) => ({ currencyCode: "USD", minorUnits: BigInt(minorUnits) });
const voided = { code: "FailedPrecondition", reason: "REFERENCE_VOIDED", domain: "billing.v1" };

const start = async () => {
  const running = await restartableBilling();
  onTestFinished(() => running.remove());
  await running.client.openAccount({ customerId: ADA, creditLimit: usd(1000) });
  const payer = { case: "customerId", value: ADA } as const;
  return Object.assign(running, {
    authorize: (reference: string, requestId = "") =>
      running.client.authorizePayment({ payer, amount: usd(600), reference, requestId }),
    held: async () => {
      const { account } = await running.client.getAccount({ lookup: payer });
      return Number(account?.authorizedAmount?.minorUnits);
    },
  });
};

test("what is held for a reference is voided, once, and nothing is authorized for it again", async () => {
  const { client, authorize, held, restart } = await start();
  await authorize("ord_1");
  expect(await held()).toBe(600);
  const first = await client.voidReference({ customerId: ADA, reference: "ord_1" });
  expect(first.authorization).toMatchObject({ state: AuthorizationState.VOIDED, reference: "ord_1" });
  expect(await held()).toBe(0);
  expect(await client.voidReference({ customerId: ADA, reference: "ord_1" })).toEqual(first);
  expect(await expectFailure(authorize("ord_1"))).toMatchObject({ ...voided, metadata: { reference: "ord_1" } });
  expect((await authorize("ord_2")).authorization?.state).toBe(AuthorizationState.AUTHORIZED);
  const events = await restart(published);
  expect(events.filter((event) => event.startsWith("PaymentVoided"))).toHaveLength(1);
});

test("an authorization that arrives after its reference was given up holds nothing", async () => {
  const { client, authorize, held } = await start();
  expect((await client.voidReference({ customerId: ADA, reference: "ord_1" })).authorization).toBeUndefined();
  expect(await expectFailure(authorize("ord_1", REQUEST_ID))).toMatchObject(voided);
  expect(await held()).toBe(0);
});

test("a reference is given up for one customer, also for one who has no account yet", async () => {
  const { client, authorize } = await start();
  const eve = `cus_${"0".repeat(25)}2`;
  await client.voidReference({ customerId: eve, reference: "ord_1" });
  expect((await authorize("ord_1")).authorization?.state).toBe(AuthorizationState.AUTHORIZED);
  await client.openAccount({ customerId: eve, creditLimit: usd(1000) });
  const late = client.authorizePayment({
    payer: { case: "customerId", value: eve },
    amount: usd(1),
    reference: "ord_1",
  });
  expect(await expectFailure(late)).toMatchObject(voided);
});

test("what is captured cannot be voided by its reference, and stays", async () => {
  const { client, authorize } = await start();
  const { authorization } = await authorize("ord_1");
  const authorizationId = authorization?.id ?? "";
  await client.capturePayment({ authorizationId });
  expect(await expectFailure(client.voidReference({ customerId: ADA, reference: "ord_1" }))).toMatchObject({
    reason: "AUTHORIZATION_NOT_VOIDABLE",
  });
  expect((await client.refundPayment({ authorizationId })).authorization?.state).toBe(AuthorizationState.REFUNDED);
});

test("a hold whose time is over is given up as expired", async () => {
  const { client, clock, authorize, held } = await start();
  await authorize("ord_1");
  clock.advance(8 * 24 * 3_600_000);
  const { authorization } = await client.voidReference({ customerId: ADA, reference: "ord_1" });
  expect(authorization?.state).toBe(AuthorizationState.EXPIRED);
  expect(await held()).toBe(0);
});
