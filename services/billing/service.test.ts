import { fromBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import {
  AuthorizationState,
  type BillingService,
  LedgerAccount,
  LedgerSide,
  LedgerTransactionKind,
  PaymentExpiredSchema,
} from "@heddle/contracts/billing/v1";
import { eventsAfter } from "@heddle/mesh/store";
import { expectFailure } from "@heddle/mesh/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { published, restartableBilling } from "./fixtures/restartable-billing.ts";

type Billing = Client<typeof BillingService>;

const ADA = `cus_${"0".repeat(25)}1`;
const EVE = `cus_${"0".repeat(25)}2`;
const NO_ACCOUNT = `acc_${"0".repeat(26)}`;
const NO_AUTHORIZATION = `auz_${"0".repeat(26)}`;
const REQUEST_ID = "0b8a2a3e-6f0e-4c49-9d0b-6a2a3f0f8c11";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const usd = (minorUnits: bigint | number) => ({ currencyCode: "USD", minorUnits: BigInt(minorUnits) });
const eur = (minorUnits: bigint | number) => ({ currencyCode: "EUR", minorUnits: BigInt(minorUnits) });

/** A service with an account of Ada's, whose limit is 1000. */
const start = async (limit = 1000n) => {
  const running = await restartableBilling();
  onTestFinished(() => running.remove());
  const { account } = await running.client.openAccount({ customerId: ADA, creditLimit: usd(limit) });
  const accountId = account?.id ?? "";
  const authorize = async (amount: number, reference: string, more: object = {}) => {
    const payer = { case: "accountId", value: accountId } as const;
    const reply = await running.client.authorizePayment({ payer, amount: usd(amount), reference, ...more });
    if (reply.authorization === undefined) throw new Error("the reply is empty");
    return reply.authorization;
  };
  return Object.assign(running, { accountId, authorize, amounts: () => amounts(running.client, accountId) });
};

/** What an account's amounts are, in the order limit, balance, authorized, available. */
const amounts = async (client: Billing, accountId: string): Promise<number[]> => {
  const { account } = await client.getAccount({ lookup: { case: "accountId", value: accountId } });
  const { creditLimit, balance, authorizedAmount, availableCredit } = account ?? {};
  return [creditLimit, balance, authorizedAmount, availableCredit].map((money) => Number(money?.minorUnits));
};

describe("accounts", () => {
  test("an account that was opened is found by its id and by its customer", async () => {
    const { client, accountId } = await start();
    const byId = await client.getAccount({ lookup: { case: "accountId", value: accountId } });
    expect(byId.account).toMatchObject({ customerId: ADA, currencyCode: "USD", availableCredit: usd(1000) });
    expect(byId.account?.id).toMatch(/^acc_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(await client.getAccount({ lookup: { case: "customerId", value: ADA } })).toEqual(byId);
  });

  test("a customer has at most one account, however many are opened at once", async () => {
    const { client } = await start();
    const refused = await expectFailure(client.openAccount({ customerId: ADA, creditLimit: eur(1) }));
    expect(refused).toMatchObject({
      code: "AlreadyExists",
      reason: "ACCOUNT_ALREADY_EXISTS",
      domain: "billing.v1",
      metadata: { customerId: ADA },
    });
    const opened = await Promise.allSettled(
      Array.from({ length: 10 }, () => client.openAccount({ customerId: EVE, creditLimit: eur(1) })),
    );
    expect(opened.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("an account that does not exist is NOT_FOUND, wherever it is named", async () => {
    const { client } = await start();
    const accountId = NO_ACCOUNT;
    const byId = { case: "accountId", value: accountId } as const;
    const byIds = [
      client.getAccount({ lookup: byId }),
      client.setCreditLimit({ accountId, creditLimit: usd(1) }),
      client.authorizePayment({ payer: byId, amount: usd(1), reference: "r" }),
      client.recordPayment({ accountId, amount: usd(1) }),
      client.listLedgerEntries({ accountId }),
    ];
    for (const failure of await Promise.all(byIds.map(expectFailure))) {
      expect(failure).toMatchObject({
        code: "NotFound",
        reason: "ACCOUNT_NOT_FOUND",
        metadata: { accountId },
      });
    }
    const byCustomer = { case: "customerId", value: EVE } as const;
    const byCustomers = [
      client.getAccount({ lookup: byCustomer }),
      client.authorizePayment({ payer: byCustomer, amount: usd(1), reference: "r" }),
    ];
    for (const failure of await Promise.all(byCustomers.map(expectFailure))) {
      expect(failure).toMatchObject({ reason: "ACCOUNT_NOT_FOUND", metadata: { customerId: EVE } });
    }
  });

  test("a limit is replaced once; setting it again changes nothing, with a stale etag too", async () => {
    const { client, accountId, clock, restart } = await start();
    const before = (await client.getAccount({ lookup: { case: "accountId", value: accountId } })).account;
    clock.advance(5);
    const set = { accountId, creditLimit: usd(50), etag: before?.etag ?? "" };
    const first = await client.setCreditLimit(set);
    expect(first.account).toMatchObject({ creditLimit: usd(50), availableCredit: usd(50) });
    expect(first.account?.etag).not.toBe(before?.etag);
    expect(await client.setCreditLimit(set)).toEqual(first);
    expect(await expectFailure(client.setCreditLimit({ ...set, creditLimit: usd(60) }))).toMatchObject({
      code: "Aborted",
      reason: "ETAG_MISMATCH",
      domain: "billing.v1",
    });
    expect(await restart(published)).toEqual([`AccountOpened ${accountId}`, `CreditLimitChanged ${accountId}`]);
  });

  test("a limit below what is in use is taken, and nothing more can be authorized until enough is paid", async () => {
    const { client, accountId, authorize, amounts } = await start();
    const { id: authorizationId } = await authorize(600, "a");
    await client.capturePayment({ authorizationId });
    await client.setCreditLimit({ accountId, creditLimit: usd(100) });
    expect(await amounts()).toEqual([100, 600, 0, -500]);
    expect(await expectFailure(authorize(1, "b"))).toMatchObject({ reason: "CREDIT_LIMIT_EXCEEDED" });
    await client.recordPayment({ accountId, amount: usd(501) });
    await authorize(1, "b");
  });

  test("no payment, limit or refund makes an amount larger than Money carries", async () => {
    const most = 10n ** 15n;
    const { client, accountId, authorize } = await start(most);
    const outOfRange = { code: "FailedPrecondition", reason: "BALANCE_OUT_OF_RANGE", metadata: { accountId } };
    expect(await expectFailure(client.recordPayment({ accountId, amount: usd(1) }))).toMatchObject(outOfRange);
    const { id: authorizationId } = await authorize(5, "a");
    await client.capturePayment({ authorizationId });
    await client.recordPayment({ accountId, amount: usd(5) });
    expect(await expectFailure(client.refundPayment({ authorizationId }))).toMatchObject(outOfRange);
    await client.setCreditLimit({ accountId, creditLimit: usd(most - 5n) });
    await client.refundPayment({ authorizationId });
    const raised = client.setCreditLimit({ accountId, creditLimit: usd(most) });
    expect(await expectFailure(raised)).toMatchObject(outOfRange);
  });
});

describe("authorizations", () => {
  test("an amount is held for 7 days unless the request says how long", async () => {
    const { authorize, clock, accountId, amounts } = await start();
    const authorization = await authorize(300, "order 1");
    expect(authorization).toMatchObject({
      accountId,
      customerId: ADA,
      reference: "order 1",
      amount: usd(300),
      state: AuthorizationState.AUTHORIZED,
      createTime: clock.now(),
    });
    expect(authorization.id).toMatch(/^auz_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(authorization.capturedAmount).toBeUndefined();
    expect(authorization.refundedAmount).toBeUndefined();
    const holdMs = (expireTime = authorization.expireTime) =>
      expireTime ? timestampMs(expireTime) - clock.nowMs() : 0;
    expect(holdMs()).toBe(7 * DAY_MS);
    expect(holdMs((await authorize(1, "order 2", { holdDuration: { seconds: 60n } })).expireTime)).toBe(60_000);
    expect(await amounts()).toEqual([1000, 0, 301, 699]);
  });

  test("more than is available is refused with what is, and holds nothing", async () => {
    const { authorize, amounts, accountId } = await start();
    await authorize(999, "a");
    expect(await expectFailure(authorize(2, "b"))).toMatchObject({
      code: "FailedPrecondition",
      reason: "CREDIT_LIMIT_EXCEEDED",
      metadata: { accountId, amount: "2", available: "1", currencyCode: "USD" },
    });
    expect(await amounts()).toEqual([1000, 0, 999, 1]);
  });

  test("fifty concurrent authorizations never pass the limit", async () => {
    const { authorize, amounts } = await start(250n);
    const settled = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => authorize(10, `order ${i}`)));
    const refusals = settled.filter((one) => one.status === "rejected");
    expect(refusals).toHaveLength(25);
    for (const { reason } of refusals) {
      expect(await expectFailure(Promise.reject(reason))).toMatchObject({ reason: "CREDIT_LIMIT_EXCEEDED" });
    }
    expect(await amounts()).toEqual([250, 0, 250, 0]);
  });

  test("a reference is held or captured once at a time, also by concurrent calls", async () => {
    const { client, authorize, clock } = await start();
    const settled = await Promise.allSettled(Array.from({ length: 10 }, () => authorize(10, "order")));
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const authorizationId = settled.find((one) => one.status === "fulfilled")?.value.id ?? "";
    const taken = {
      code: "AlreadyExists",
      reason: "REFERENCE_ALREADY_AUTHORIZED",
      metadata: { reference: "order", authorizationId },
    };
    expect(await expectFailure(authorize(10, "order"))).toMatchObject(taken);
    await client.capturePayment({ authorizationId });
    expect(await expectFailure(authorize(10, "order"))).toMatchObject(taken);
    await client.refundPayment({ authorizationId });
    await client.voidPayment({ authorizationId: (await authorize(10, "order")).id });
    await authorize(10, "order", { holdDuration: { seconds: 60n } });
    clock.advance(60_000);
    await authorize(10, "order");
  });

  test("a part is captured, and the rest of the hold is released", async () => {
    const { client, authorize, amounts } = await start();
    const { id: authorizationId } = await authorize(300, "a");
    const { authorization } = await client.capturePayment({ authorizationId, amount: usd(120) });
    expect(authorization).toMatchObject({ state: AuthorizationState.CAPTURED, capturedAmount: usd(120) });
    expect(await amounts()).toEqual([1000, 120, 0, 880]);
  });

  test("twenty concurrent captures charge once", async () => {
    const { client, authorize, amounts } = await start();
    const { id: authorizationId } = await authorize(300, "a");
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.capturePayment({ authorizationId })));
    expect(new Set(replies.map(({ authorization }) => authorization?.etag)).size).toBe(1);
    expect(await amounts()).toEqual([1000, 300, 0, 700]);
    expect((await client.listLedgerEntries({})).ledgerEntries).toHaveLength(2);
  });

  test("a capture of too much, or of another amount than before, is refused", async () => {
    const { client, authorize } = await start();
    const { id: authorizationId } = await authorize(300, "a");
    expect(await expectFailure(client.capturePayment({ authorizationId, amount: usd(301) }))).toMatchObject({
      code: "InvalidArgument",
      reason: "CAPTURE_TOO_LARGE",
      fields: ["amount"],
      metadata: { authorizationId, amount: "301", authorized: "300" },
    });
    await client.capturePayment({ authorizationId, amount: usd(100) });
    expect(await expectFailure(client.capturePayment({ authorizationId }))).toMatchObject({
      code: "FailedPrecondition",
      reason: "AUTHORIZATION_NOT_CAPTURABLE",
      metadata: { authorizationId, state: "captured" },
    });
  });

  test("a void gives the hold back, twice as once; what is captured cannot be voided", async () => {
    const { client, authorize, amounts } = await start();
    const { id: authorizationId } = await authorize(300, "a");
    const first = await client.voidPayment({ authorizationId });
    expect(first.authorization?.state).toBe(AuthorizationState.VOIDED);
    expect(await client.voidPayment({ authorizationId })).toEqual(first);
    expect(await amounts()).toEqual([1000, 0, 0, 1000]);
    const { id: charged } = await authorize(300, "b");
    await client.capturePayment({ authorizationId: charged });
    expect(await expectFailure(client.voidPayment({ authorizationId: charged }))).toMatchObject({
      code: "FailedPrecondition",
      reason: "AUTHORIZATION_NOT_VOIDABLE",
      metadata: { state: "captured" },
    });
  });

  test("refunds give back up to what was captured", async () => {
    const { client, authorize, amounts } = await start();
    const { id: authorizationId } = await authorize(300, "a");
    expect(await expectFailure(client.refundPayment({ authorizationId }))).toMatchObject({
      code: "FailedPrecondition",
      reason: "AUTHORIZATION_NOT_REFUNDABLE",
      metadata: { state: "authorized" },
    });
    await client.capturePayment({ authorizationId, amount: usd(200) });
    const partly = await client.refundPayment({ authorizationId, amount: usd(50) });
    expect(partly.authorization).toMatchObject({ state: AuthorizationState.CAPTURED, refundedAmount: usd(50) });
    expect(await expectFailure(client.refundPayment({ authorizationId, amount: usd(151) }))).toMatchObject({
      code: "InvalidArgument",
      reason: "REFUND_TOO_LARGE",
      fields: ["amount"],
      metadata: { left: "150" },
    });
    const whole = await client.refundPayment({ authorizationId });
    expect(whole.authorization).toMatchObject({ state: AuthorizationState.REFUNDED, refundedAmount: usd(200) });
    expect(await expectFailure(client.refundPayment({ authorizationId }))).toMatchObject({
      reason: "AUTHORIZATION_NOT_REFUNDABLE",
    });
    expect(await amounts()).toEqual([1000, 0, 0, 1000]);
  });

  test("twenty concurrent refunds give back what was captured, and no more", async () => {
    const { client, authorize, amounts } = await start();
    const { id: authorizationId } = await authorize(100, "a");
    await client.capturePayment({ authorizationId });
    const settled = await Promise.allSettled(
      Array.from({ length: 20 }, () => client.refundPayment({ authorizationId, amount: usd(10) })),
    );
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
    expect(await amounts()).toEqual([1000, 0, 0, 1000]);
  });

  test("an authorization that does not exist is NOT_FOUND", async () => {
    const { client } = await start();
    const authorizationId = NO_AUTHORIZATION;
    const calls = [
      client.capturePayment({ authorizationId }),
      client.voidPayment({ authorizationId }),
      client.refundPayment({ authorizationId }),
    ];
    for (const failure of await Promise.all(calls.map(expectFailure))) {
      expect(failure).toMatchObject({
        code: "NotFound",
        reason: "AUTHORIZATION_NOT_FOUND",
        metadata: { authorizationId },
      });
    }
  });

  test("another currency than the account's is refused, whatever is asked", async () => {
    const { client, accountId, authorize } = await start();
    const { id: authorizationId } = await authorize(10, "a");
    const values = { currencyCode: "EUR", accountCurrencyCode: "USD" };
    const payer = { case: "accountId", value: accountId } as const;
    const authorized = client.authorizePayment({ payer, amount: eur(1), reference: "r" });
    expect(await expectFailure(authorized)).toMatchObject({
      code: "FailedPrecondition",
      reason: "CURRENCY_MISMATCH",
      metadata: values,
    });
    for (const [call, field] of [
      [() => client.setCreditLimit({ accountId, creditLimit: eur(1) }), "credit_limit.currency_code"],
      [() => client.recordPayment({ accountId, amount: eur(1) }), "amount.currency_code"],
      [() => client.capturePayment({ authorizationId, amount: eur(1) }), "amount.currency_code"],
      [() => client.refundPayment({ authorizationId, amount: eur(1) }), "amount.currency_code"],
    ] as const) {
      expect(await expectFailure(call())).toMatchObject({
        code: "InvalidArgument",
        reason: "CURRENCY_MISMATCH",
        metadata: values,
        fields: [field],
      });
    }
  });
});

describe("time", () => {
  test("a hold ends by the clock, before the sweep has seen it, and the account reads the same after", async () => {
    const running = await start();
    const { authorize, amounts, clock, tick, restart, accountId } = running;
    const { id: authorizationId, expireTime } = await authorize(700, "a", { holdDuration: { seconds: 3600n } });
    await authorize(300, "b");
    clock.advance(HOUR_MS - 1);
    expect(await amounts()).toEqual([1000, 0, 1000, 0]);
    clock.advance(1);
    const lookup = { case: "accountId", value: accountId } as const;
    const unswept = await running.client.getAccount({ lookup });
    expect(unswept.account).toMatchObject({ authorizedAmount: usd(300), updateTime: expireTime });
    tick();
    const feed = await restart(async (store) => (await store.read((reader) => eventsAfter(reader, 0n))).at(-1));
    expect(feed?.type).toBe(PaymentExpiredSchema.typeName);
    expect(fromBinary(PaymentExpiredSchema, feed?.payload ?? new Uint8Array())).toMatchObject({
      account: unswept.account,
      authorization: { id: authorizationId, state: AuthorizationState.EXPIRED, updateTime: expireTime },
    });
    expect(await running.client.getAccount({ lookup })).toEqual(unswept);
  });

  test("what an expired hold held can be authorized at once, and is not given back twice", async () => {
    const { authorize, amounts, clock, tick, restart } = await start();
    await authorize(1000, "a", { holdDuration: { seconds: 60n } });
    clock.advance(60_000);
    await authorize(1000, "b");
    expect(await amounts()).toEqual([1000, 0, 1000, 0]);
    tick();
    await restart(async () => undefined);
    expect(await amounts()).toEqual([1000, 0, 1000, 0]);
  });

  test("an expired hold cannot be captured or refunded, and voiding it changes nothing", async () => {
    const { client, authorize, clock } = await start();
    const { id: authorizationId } = await authorize(10, "a", { holdDuration: { seconds: 60n } });
    clock.advance(60_000);
    const refused = { code: "FailedPrecondition", metadata: { authorizationId, state: "expired" } };
    expect(await expectFailure(client.capturePayment({ authorizationId }))).toMatchObject({
      ...refused,
      reason: "AUTHORIZATION_NOT_CAPTURABLE",
    });
    expect(await expectFailure(client.refundPayment({ authorizationId }))).toMatchObject({
      ...refused,
      reason: "AUTHORIZATION_NOT_REFUNDABLE",
    });
    const { authorization } = await client.voidPayment({ authorizationId });
    expect(authorization?.state).toBe(AuthorizationState.EXPIRED);
  });

  test("more holds than one sweep's write takes are all written down, each with its event", async () => {
    const { authorize, clock, tick, restart, accountId } = await start();
    for (let i = 0; i < 120; i++) await authorize(1, `order ${i}`, { holdDuration: { seconds: 60n } });
    clock.advance(60_000);
    // The first restart stops a sweep in the middle, the start takes it up again.
    tick();
    await restart(async () => undefined);
    let expired: string[] = [];
    for (let tries = 0; expired.length < 120 && tries < 10; tries++) {
      tick();
      expired = (await restart(published)).filter((event) => event === `PaymentExpired ${accountId}`);
    }
    expect(expired).toHaveLength(120);
  });
});

describe("request ids", () => {
  test("a repeated request id returns the first reply, and takes effect once", async () => {
    const { client, accountId, authorize, amounts } = await start();
    const opening = { customerId: EVE, creditLimit: eur(5), requestId: REQUEST_ID };
    expect(await client.openAccount(opening)).toEqual(await client.openAccount(opening));
    const held = await authorize(100, "a", { requestId: REQUEST_ID });
    expect(await authorize(100, "a", { requestId: REQUEST_ID })).toEqual(held);
    await client.capturePayment({ authorizationId: held.id });
    const refund = { authorizationId: held.id, amount: usd(10), requestId: REQUEST_ID };
    expect(await client.refundPayment(refund)).toEqual(await client.refundPayment(refund));
    const payment = { accountId, amount: usd(20), requestId: REQUEST_ID };
    expect(await client.recordPayment(payment)).toEqual(await client.recordPayment(payment));
    expect(await amounts()).toEqual([1000, 70, 0, 930]);
  });

  test("twenty concurrent calls with one request id take effect once", async () => {
    const { client, accountId, authorize, amounts } = await start();
    const held = await Promise.all(Array.from({ length: 20 }, () => authorize(100, "a", { requestId: REQUEST_ID })));
    expect(new Set(held.map(({ id }) => id)).size).toBe(1);
    const payment = { accountId, amount: usd(20), requestId: REQUEST_ID };
    const paid = await Promise.all(Array.from({ length: 20 }, () => client.recordPayment(payment)));
    expect(new Set(paid.map(({ transactionId }) => transactionId)).size).toBe(1);
    expect(await amounts()).toEqual([1000, -20, 100, 920]);
  });

  test("a reused request id with another payload is refused", async () => {
    const { client, accountId } = await start();
    await client.recordPayment({ accountId, amount: usd(20), requestId: REQUEST_ID });
    const reused = client.recordPayment({ accountId, amount: usd(21), requestId: REQUEST_ID });
    expect(await expectFailure(reused)).toMatchObject({
      code: "InvalidArgument",
      reason: "REQUEST_ID_REUSED",
      fields: ["request_id"],
    });
  });

  test("a refused authorization may be tried again under its request id", async () => {
    const { client, accountId, authorize } = await start(0n);
    expect(await expectFailure(authorize(5, "a", { requestId: REQUEST_ID }))).toMatchObject({
      reason: "CREDIT_LIMIT_EXCEEDED",
    });
    await client.setCreditLimit({ accountId, creditLimit: usd(5) });
    expect((await authorize(5, "a", { requestId: REQUEST_ID })).state).toBe(AuthorizationState.AUTHORIZED);
  });
});

describe("the ledger", () => {
  test("each booking has its two sides, latest first", async () => {
    const { client, accountId, authorize, clock } = await start();
    const { id: authorizationId } = await authorize(300, "order 1");
    await client.capturePayment({ authorizationId, amount: usd(200) });
    await client.refundPayment({ authorizationId, amount: usd(50) });
    const { transactionId } = await client.recordPayment({ accountId, amount: usd(20), reference: "wire 7" });
    const { ledgerEntries } = await client.listLedgerEntries({ accountId });
    const { RECEIVABLE, SALES, CASH } = LedgerAccount;
    const { DEBIT, CREDIT } = LedgerSide;
    const { CAPTURE, REFUND, PAYMENT } = LedgerTransactionKind;
    expect(
      ledgerEntries.map(({ kind, ledgerAccount, side, amount }) => [
        kind,
        ledgerAccount,
        side,
        Number(amount?.minorUnits),
      ]),
    ).toEqual([
      [PAYMENT, RECEIVABLE, CREDIT, 20],
      [PAYMENT, CASH, DEBIT, 20],
      [REFUND, RECEIVABLE, CREDIT, 50],
      [REFUND, SALES, DEBIT, 50],
      [CAPTURE, SALES, CREDIT, 200],
      [CAPTURE, RECEIVABLE, DEBIT, 200],
    ]);
    expect(ledgerEntries[0]).toMatchObject({
      transactionId,
      accountId,
      authorizationId: "",
      reference: "wire 7",
      createTime: clock.now(),
    });
    expect(ledgerEntries[0]?.id).toMatch(/^ent_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(transactionId).toMatch(/^txn_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(ledgerEntries.at(-1)).toMatchObject({ authorizationId, reference: "order 1", amount: usd(200) });
  });

  test("pages hold every entry once, of one account or of all, also while more is booked", async () => {
    const { client, accountId } = await start();
    const { account: other } = await client.openAccount({ customerId: EVE, creditLimit: eur(0) });
    for (let i = 1; i <= 5; i++) {
      await client.recordPayment({ accountId, amount: usd(i) });
      await client.recordPayment({ accountId: other?.id ?? "", amount: eur(i) });
    }
    const walk = async (ofAccount: string) => {
      const seen: string[] = [];
      for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
        const page = await client.listLedgerEntries({ accountId: ofAccount, pageSize: 3, pageToken });
        expect(page.ledgerEntries.length).toBeLessThanOrEqual(3);
        seen.push(...page.ledgerEntries.map(({ id }) => id));
        pageToken = page.nextPageToken;
        if (pages === 0) await client.recordPayment({ accountId, amount: usd(9) });
      }
      return seen;
    };
    const ofAda = await walk(accountId);
    expect([ofAda.length, new Set(ofAda).size]).toEqual([10, 10]);
    const all = await walk("");
    expect([all.length, new Set(all).size]).toEqual([22, 22]);
    expect(all).toEqual(all.toSorted().toReversed());
  });

  test("a page token of another list is refused", async () => {
    const { client, accountId } = await start();
    await client.recordPayment({ accountId, amount: usd(1) });
    const { nextPageToken: pageToken } = await client.listLedgerEntries({ pageSize: 1 });
    expect(await expectFailure(client.listLedgerEntries({ pageSize: 1, pageToken, accountId }))).toMatchObject({
      reason: "PAGE_TOKEN_INVALID",
      fields: ["page_token"],
    });
  });

  test("the trial balance sums each currency, and its sides are equal", async () => {
    const { client, accountId, authorize, clock } = await start();
    expect((await client.getTrialBalance({})).trialBalances).toEqual([]);
    const { account: other } = await client.openAccount({ customerId: EVE, creditLimit: eur(100) });
    const { id: authorizationId } = await authorize(300, "a");
    await client.capturePayment({ authorizationId });
    await client.refundPayment({ authorizationId, amount: usd(100) });
    await client.recordPayment({ accountId, amount: usd(50) });
    await client.recordPayment({ accountId: other?.id ?? "", amount: eur(7) });
    const { trialBalances, readTime } = await client.getTrialBalance({});
    expect(readTime).toEqual(clock.now());
    expect(trialBalances).toMatchObject([
      { currencyCode: "EUR", debitTotal: eur(7), creditTotal: eur(7), balanced: true },
      {
        currencyCode: "USD",
        lines: [
          { ledgerAccount: LedgerAccount.RECEIVABLE, debitTotal: usd(300), creditTotal: usd(150) },
          { ledgerAccount: LedgerAccount.SALES, debitTotal: usd(100), creditTotal: usd(300) },
          { ledgerAccount: LedgerAccount.CASH, debitTotal: usd(50), creditTotal: usd(0) },
        ],
        debitTotal: usd(450),
        creditTotal: usd(450),
        balanced: true,
      },
    ]);
    expect((await client.getTrialBalance({ currencyCode: "EUR" })).trialBalances).toEqual(trialBalances.slice(0, 1));
    expect((await client.getTrialBalance({ currencyCode: "JPY" })).trialBalances).toEqual([]);
  });
});

test("every change is published in order, under the account's key, and nothing else is", async () => {
  const { client, accountId, authorize, restart } = await start();
  const { id: authorizationId } = await authorize(300, "a");
  await client.capturePayment({ authorizationId });
  await client.capturePayment({ authorizationId });
  await client.refundPayment({ authorizationId });
  const { id: other } = await authorize(300, "b");
  await client.voidPayment({ authorizationId: other });
  await client.voidPayment({ authorizationId: other });
  await client.recordPayment({ accountId, amount: usd(5) });
  await expectFailure(authorize(5000, "c"));
  const events = ["AccountOpened", "PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"];
  events.push("PaymentAuthorized", "PaymentVoided", "PaymentRecorded");
  expect(await restart(published)).toEqual(events.map((event) => `${event} ${accountId}`));
});

test("a restart keeps the books, the holds and the request ids", async () => {
  const running = await start();
  const { client, accountId, authorize, amounts, restart } = running;
  const held = await authorize(300, "a", { requestId: REQUEST_ID });
  await client.recordPayment({ accountId, amount: usd(5) });
  const entries = await client.listLedgerEntries({});
  await restart(async () => undefined);
  expect(await amounts()).toEqual([1000, -5, 300, 705]);
  expect(await authorize(300, "a", { requestId: REQUEST_ID })).toEqual(held);
  expect(await running.client.listLedgerEntries({})).toEqual(entries);
});

test.each([
  ["a negative limit", (c: Billing) => c.openAccount({ customerId: ADA, creditLimit: usd(-1) }), "credit_limit"],
  ["an account of nobody", (c: Billing) => c.openAccount({ customerId: "ada", creditLimit: usd(1) }), "customer_id"],
  ["an amount of nothing", (c: Billing) => c.recordPayment({ accountId: NO_ACCOUNT, amount: usd(0) }), "amount"],
  ["no amount", (c: Billing) => c.recordPayment({ accountId: NO_ACCOUNT }), "amount"],
  [
    "more than Money carries",
    (c: Billing) => c.recordPayment({ accountId: NO_ACCOUNT, amount: usd(10n ** 15n + 1n) }),
    "amount.minor_units",
  ],
  [
    "no currency",
    (c: Billing) => c.recordPayment({ accountId: NO_ACCOUNT, amount: { minorUnits: 1n } }),
    "amount.currency_code",
  ],
  ["no payer", (c: Billing) => c.authorizePayment({ amount: usd(1), reference: "r" }), "payer"],
  [
    "no reference",
    (c: Billing) => c.authorizePayment({ payer: { case: "customerId", value: ADA }, amount: usd(1) }),
    "reference",
  ],
  [
    "a hold of a second",
    (c: Billing) =>
      c.authorizePayment({
        payer: { case: "customerId", value: ADA },
        amount: usd(1),
        reference: "r",
        holdDuration: { seconds: 1n },
      }),
    "hold_duration",
  ],
  ["a negative page size", (c: Billing) => c.listLedgerEntries({ pageSize: -1 }), "page_size"],
])("%s is refused before anything is looked at", async (_, call, field) => {
  const { client } = await start();
  const failure = await expectFailure(call(client));
  expect(failure).toMatchObject({ code: "InvalidArgument", reason: "VALIDATION_FAILED" });
  expect(failure.fields).toContain(field);
});
