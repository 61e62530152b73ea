import { fromBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  CreditLimitChangedSchema,
  type LedgerEntry,
  PaymentAuthorizedSchema,
  PaymentCapturedSchema,
  PaymentRecordedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@heddle/contracts/billing/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { eventsAfter } from "@heddle/mesh/store";
import { expectFailure } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { published, restartableBilling } from "./fixtures/restartable-billing.ts";
import { newBooking } from "./ledger.ts";
import { ledgerStore } from "./store/ledger-store.ts";

// Promises of the contract that service.test.ts, which walks through the calls one by one, has no place for.

const ADA = `cus_${"0".repeat(25)}1`;
const REQUEST_ID = "0b8a2a3e-6f0e-4c49-9d0b-6a2a3f0f8c11";
const MINUTE = { seconds: 60n };
const { ids } = systemRuntime();

const euros = (minorUnits: number) => ({ currencyCode: "EUR", minorUnits: BigInt(minorUnits) });

/** A service with an account of Ada's, whose limit is 1000. */
const start = async () => {
  const running = await restartableBilling();
  onTestFinished(() => running.remove());
  const { account: opened } = await running.client.openAccount({ customerId: ADA, creditLimit: euros(1_000) });
  const account = async () => {
    const reply = await running.client.getAccount({ lookup: { case: "customerId", value: ADA } });
    if (reply.account === undefined) throw new Error("the reply holds no account");
    return reply.account;
  };
  /** The id of a hold. */
  const authorize = async (amount: number, reference: string, more: object = {}): Promise<string> => {
    const payer = { case: "customerId", value: ADA } as const;
    const request = { payer, amount: euros(amount), reference, ...more };
    return (await running.client.authorizePayment(request)).authorization?.id ?? "";
  };
  /** The id of a payment that was captured. */
  const charge = async (amount: number, reference: string): Promise<string> => {
    const authorizationId = await authorize(amount, reference);
    await running.client.capturePayment({ authorizationId });
    return authorizationId;
  };
  return Object.assign(running, { accountId: opened?.id ?? "", account, authorize, charge });
};
type Running = Awaited<ReturnType<typeof start>>;

/** Each call that takes a request id, as a function of its amount. */
const REPEATABLE: readonly [string, (running: Running) => Promise<(amount: number) => Promise<unknown>>][] = [
  [
    "OpenAccount",
    async ({ client }) =>
      (amount) =>
        client.openAccount({ customerId: `cus_${"0".repeat(26)}`, creditLimit: euros(amount), requestId: REQUEST_ID }),
  ],
  [
    "AuthorizePayment",
    async ({ client }) =>
      (amount) =>
        client.authorizePayment({
          payer: { case: "customerId", value: ADA },
          amount: euros(amount),
          reference: "ord_9",
          requestId: REQUEST_ID,
        }),
  ],
  [
    "RefundPayment",
    async (running) => {
      const authorizationId = await running.charge(100, "ord_1");
      return (amount) =>
        running.client.refundPayment({ authorizationId, amount: euros(amount), requestId: REQUEST_ID });
    },
  ],
  [
    "RecordPayment",
    async ({ client, accountId }) =>
      (amount) =>
        client.recordPayment({ accountId, amount: euros(amount), requestId: REQUEST_ID }),
  ],
];

test.each(REPEATABLE)("a repeated %s gets the first reply, books and publishes nothing", async (_, prepare) => {
  const running = await start();
  const call = await prepare(running);
  const first = await call(1);
  const before = { account: await running.account(), entries: await running.client.listLedgerEntries({}) };
  running.clock.advance(1);
  expect(await call(1)).toEqual(first);
  expect({ account: await running.account(), entries: await running.client.listLedgerEntries({}) }).toEqual(before);
  const feed = await running.restart(published);
  expect(await running.restart(published)).toEqual(feed);
});

test.each(REPEATABLE)("%s with a used request id and another payload is refused", async (_, prepare) => {
  const call = await prepare(await start());
  await call(1);
  expect(await expectFailure(call(2))).toMatchObject({
    code: "InvalidArgument",
    reason: "REQUEST_ID_REUSED",
    fields: ["request_id"],
  });
});

test("the reply to a request id outlives a restart", async () => {
  const running = await start();
  const payment = { accountId: running.accountId, amount: euros(5), requestId: REQUEST_ID };
  const reply = await running.client.recordPayment(payment);
  await running.restart(async () => undefined);
  expect(await running.client.recordPayment(payment)).toEqual(reply);
});

test("what is refused changes nothing: no amount, no etag, no entry, no event", async () => {
  const running = await start();
  const { client, accountId, authorize, account } = running;
  const held = await authorize(100, "ord_1");
  const before = await account();
  running.clock.advance(1);
  const refused = [
    () => authorize(901, "ord_2"),
    () => authorize(1, "ord_1"),
    () => client.capturePayment({ authorizationId: held, amount: euros(101) }),
    () => client.refundPayment({ authorizationId: held }),
    () => client.openAccount({ customerId: ADA, creditLimit: euros(1) }),
    () => client.setCreditLimit({ accountId, creditLimit: euros(1), etag: "stale" }),
    () => client.recordPayment({ accountId, amount: { currencyCode: "USD", minorUnits: 1n } }),
  ];
  for (const call of refused) expect(await expectFailure(call())).toMatchObject({ domain: "billing.v1" });
  expect(await account()).toEqual(before);
  expect((await client.listLedgerEntries({})).ledgerEntries).toEqual([]);
  expect(await running.restart(published)).toEqual([`AccountOpened ${accountId}`, `PaymentAuthorized ${accountId}`]);
});

test("a reference stays taken while a part of its payment is refunded", async () => {
  const { client, charge, authorize } = await start();
  const authorizationId = await charge(100, "ord_1");
  await client.refundPayment({ authorizationId, amount: euros(99) });
  expect(await expectFailure(authorize(1, "ord_1"))).toMatchObject({ reason: "REFERENCE_ALREADY_AUTHORIZED" });
});

test("what is refunded in full can neither be captured nor voided", async () => {
  const { client, charge } = await start();
  const authorizationId = await charge(100, "ord_1");
  await client.refundPayment({ authorizationId });
  const state = { metadata: { authorizationId, state: "refunded" } };
  const capture = await expectFailure(client.capturePayment({ authorizationId }));
  expect(capture).toMatchObject({ reason: "AUTHORIZATION_NOT_CAPTURABLE", ...state });
  const giveUp = await expectFailure(client.voidPayment({ authorizationId }));
  expect(giveUp).toMatchObject({ reason: "AUTHORIZATION_NOT_VOIDABLE", ...state });
});

test.each([
  [59n, false],
  [60n, true],
  [2_592_000n, true],
  [2_592_001n, false],
])("a hold of %d seconds is taken: %s", async (seconds, taken) => {
  const { authorize } = await start();
  const call = authorize(1, "ord_1", { holdDuration: { seconds } });
  if (taken) expect(await call).toMatch(/^auz_/);
  else expect(await expectFailure(call)).toMatchObject({ reason: "VALIDATION_FAILED", fields: ["hold_duration"] });
});

test("each kind of change gives the account another etag", async () => {
  const { client, accountId, account, authorize } = await start();
  const etags = [(await account()).etag];
  const authorizationId = await authorize(100, "ord_1");
  for (const change of [
    () => Promise.resolve(),
    () => client.capturePayment({ authorizationId, amount: euros(60) }),
    () => client.refundPayment({ authorizationId, amount: euros(10) }),
    () => client.recordPayment({ accountId, amount: euros(1) }),
    () => client.setCreditLimit({ accountId, creditLimit: euros(900) }),
  ]) {
    await change();
    etags.push((await account()).etag);
  }
  expect(new Set(etags).size).toBe(etags.length);
});

/** The entries of one account, or of all, page by page. */
const pagesOf = async ({ client }: Running, accountId: string, pageSize: number): Promise<LedgerEntry[][]> => {
  const pages: LedgerEntry[][] = [];
  for (let pageToken = ""; pages.length === 0 || pageToken !== ""; ) {
    const reply = await client.listLedgerEntries({ accountId, pageSize, pageToken });
    pages.push(reply.ledgerEntries);
    pageToken = reply.nextPageToken;
  }
  return pages;
};

test.each([1, 3, 5, 12])(
  "pages of %d are full but for the last, which is not empty, latest first",
  async (pageSize) => {
    const running = await start();
    const { client, accountId } = running;
    for (let i = 1; i <= 6; i++) await client.recordPayment({ accountId, amount: euros(i) });
    for (const of of ["", accountId]) {
      const pages = await pagesOf(running, of, pageSize);
      expect(pages.flat().map(({ amount }) => Number(amount?.minorUnits))).toEqual([
        6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1,
      ]);
      expect(pages.slice(0, -1).every(({ length }) => length === pageSize)).toBe(true);
      expect(pages.at(-1)).not.toEqual([]);
    }
  },
);

test("a page has 100 entries unless asked otherwise, and 1000 at most", async () => {
  const running = await start();
  const subject = {
    accountId: running.accountId,
    currencyCode: "EUR",
    authorizationId: "",
    reference: "",
    createTimeMs: 0,
  };
  await running.restart((store) =>
    store.write(async (tx) => {
      for (let i = 0; i < 501; i++) await ledgerStore().post(tx, newBooking("payment", 1n, subject, ids));
    }),
  );
  const { client } = running;
  expect((await client.listLedgerEntries({})).ledgerEntries).toHaveLength(100);
  const { ledgerEntries, nextPageToken: pageToken } = await client.listLedgerEntries({ pageSize: 1_001 });
  expect(ledgerEntries).toHaveLength(1_000);
  expect((await client.listLedgerEntries({ pageSize: 1_001, pageToken })).ledgerEntries).toHaveLength(2);
});

test.each(["1", "AAAA", "not a token"])("the page token %j is refused", async (pageToken) => {
  const { client } = await start();
  expect(await expectFailure(client.listLedgerEntries({ pageToken }))).toMatchObject({
    code: "InvalidArgument",
    reason: "PAGE_TOKEN_INVALID",
    fields: ["page_token"],
  });
});

test("events carry what the replies said, and the account as it was after the change", async () => {
  const { client, accountId, account, authorize, restart } = await start();
  const accounts = [await account()];
  const note = async <T>(reply: Promise<T>): Promise<T> => {
    const known = await reply;
    accounts.push(await account());
    return known;
  };
  const first = await note(authorize(100, "ord_1"));
  const { authorization: captured } = await note(client.capturePayment({ authorizationId: first, amount: euros(60) }));
  const { authorization: refunded } = await note(client.refundPayment({ authorizationId: first, amount: euros(20) }));
  const second = await note(authorize(50, "ord_2"));
  const { authorization: voided } = await note(client.voidPayment({ authorizationId: second }));
  const payment = { accountId, amount: euros(5), reference: "bank 7" };
  const { transactionId } = await note(client.recordPayment(payment));
  await note(client.setCreditLimit({ accountId, creditLimit: euros(900) }));
  const feed = await restart((store) => store.read((reader) => eventsAfter(reader, 0n)));
  const payload = (index: number) => feed[index]?.payload ?? new Uint8Array();
  expect(feed).toHaveLength(8);
  expect(fromBinary(PaymentAuthorizedSchema, payload(1))).toMatchObject({
    account: accounts[1],
    authorization: { id: first, amount: euros(100), reference: "ord_1" },
  });
  expect(fromBinary(PaymentCapturedSchema, payload(2))).toMatchObject({
    account: accounts[2],
    authorization: captured,
  });
  expect(fromBinary(PaymentRefundedSchema, payload(3))).toMatchObject({
    account: accounts[3],
    authorization: refunded,
    amount: euros(20),
  });
  expect(fromBinary(PaymentVoidedSchema, payload(5))).toMatchObject({ account: accounts[5], authorization: voided });
  expect(fromBinary(PaymentRecordedSchema, payload(6))).toMatchObject({
    account: accounts[6],
    amount: euros(5),
    transactionId,
    reference: "bank 7",
  });
  expect(fromBinary(CreditLimitChangedSchema, payload(7))).toMatchObject({
    account: accounts[7],
    previousCreditLimit: euros(1_000),
  });
});

test("holds of any number whose time is over free their credit at once, before any sweep", async () => {
  const { authorize, account, clock, restart } = await start();
  await Promise.all(Array.from({ length: 130 }, (_, i) => authorize(7, `ord_${i}`, { holdDuration: MINUTE })));
  clock.advance(59_999);
  expect(await account()).toMatchObject({ authorizedAmount: euros(910) });
  expect(await expectFailure(authorize(91, "ord_new"))).toMatchObject({ reason: "CREDIT_LIMIT_EXCEEDED" });
  clock.advance(1);
  expect(await account()).toMatchObject({ authorizedAmount: euros(0), availableCredit: euros(1_000) });
  await authorize(1_000, "ord_new");
  expect(await account()).toMatchObject({ authorizedAmount: euros(1_000), availableCredit: euros(0) });
  expect((await restart(published)).some((event) => event.startsWith("PaymentExpired"))).toBe(false);
});

test("a hold that ended by itself is told in the feed before the hold that takes its reference", async () => {
  const { authorize, clock, restart, accountId } = await start();
  await authorize(600, "ord_1", { holdDuration: MINUTE });
  clock.advance(60_000);
  await authorize(1_000, "ord_1");
  const events = ["AccountOpened", "PaymentAuthorized", "PaymentExpired", "PaymentAuthorized"];
  expect(await restart(published)).toEqual(events.map((event) => `${event} ${accountId}`));
});

test("an expired hold says that it was changed when its time was over, however late it is asked for", async () => {
  const { client, authorize, account, clock } = await start();
  const authorizationId = await authorize(600, "ord_1", { holdDuration: MINUTE });
  clock.advance(60_000);
  const endMs = clock.nowMs();
  const atOnce = await client.voidPayment({ authorizationId });
  const line = await account();
  clock.advance(3_600_000);
  expect(await client.voidPayment({ authorizationId })).toEqual(atOnce);
  expect(await account()).toEqual(line);
  const { updateTime } = atOnce.authorization ?? {};
  expect(updateTime && timestampMs(updateTime)).toBe(endMs);
});
