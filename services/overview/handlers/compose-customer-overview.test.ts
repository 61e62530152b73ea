import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { CustomerState } from "@heddle/contracts/customer/v1";
import { OrderSchema, OrderState } from "@heddle/contracts/order/v1";
import { OverviewService, OverviewSource, SourceState } from "@heddle/contracts/overview/v1";
import { fail, reasons } from "@heddle/mesh/contract";
import { systemRuntime } from "@heddle/mesh/runtime";
import { expectFailure, fakeClock, startTestService } from "@heddle/mesh/testing";
import { expect, onTestFinished, test } from "vitest";
import { ACCOUNT_ID, ADA, at, dollars, fakeOwners, knownCustomer, type OwnerAnswers } from "../fixtures/fake-owners.ts";
import { overview } from "../service.ts";

const runtime = { ...systemRuntime(), clock: fakeClock() };

const start = async (answers: Partial<OwnerAnswers> = {}) => {
  const service = await startTestService(overview, { runtime, others: fakeOwners(answers) });
  onTestFinished(() => service.stop());
  return { client: service.client(OverviewService), log: service.log };
};

const notFound = (domain: string, reason: string) => fail(reasons(domain)(reason, Code.NotFound, "Not there."), {});
const never = () => new Promise<never>(() => undefined);
const OK = { state: SourceState.OK, reason: "", readTime: runtime.clock.now() };

test("all that the services tell is put together, with a status of each in order", async () => {
  const { client } = await start();
  const { customerOverview } = await client.composeCustomerOverview({ customerId: ADA });
  expect(customerOverview).toMatchObject({
    customerId: ADA,
    customer: { displayName: "Ada Lovelace", email: "ada@example.com", active: true, createTime: at(1) },
    number: { verified: true, verifyTime: at(2) },
    creditScore: { value: 745, band: "very_good", createTime: at(3) },
    account: { accountId: ACCOUNT_ID, creditLimit: dollars(100), balance: dollars(30), availableCredit: dollars(50) },
    orders: { totalCount: 6, openCount: 2, fulfilledCount: 1, closedCount: 3, lastOrderTime: at(9), truncated: false },
    updateTime: runtime.clock.now(),
  });
  expect(customerOverview?.sources).toMatchObject([
    { source: OverviewSource.CUSTOMER, ...OK },
    { source: OverviewSource.SOCIALSECURITY, ...OK },
    { source: OverviewSource.CREDITSCORE, ...OK },
    { source: OverviewSource.BILLING, ...OK },
    { source: OverviewSource.ORDER, ...OK },
  ]);
});

test("all services are asked at once", async () => {
  const arrived = new Set<string>();
  const everybody = Promise.withResolvers<void>();
  // None answers before all have been asked: asked one after another, the first would wait for ever.
  const meeting = <A extends (...given: never[]) => unknown>(name: string, answer: A) =>
    (async (...given: never[]) => {
      if (arrived.add(name).size === 5) everybody.resolve();
      await everybody.promise;
      return answer(...given);
    }) as unknown as A;
  const { client } = await start({
    customer: meeting("customer", knownCustomer.customer),
    socialSecurity: meeting("socialSecurity", knownCustomer.socialSecurity),
    creditScore: meeting("creditScore", knownCustomer.creditScore),
    billing: meeting("billing", knownCustomer.billing),
    order: meeting("order", knownCustomer.order),
  });
  const { customerOverview } = await client.composeCustomerOverview({ customerId: ADA });
  expect(customerOverview?.sources.map(({ state }) => state)).toEqual(Array(5).fill(SourceState.OK));
});

test("a customer that its service does not know is NOT_FOUND, although the others answer", async () => {
  const { client } = await start({ customer: () => Promise.reject(notFound("customer.v1", "CUSTOMER_NOT_FOUND")) });
  expect(await expectFailure(client.composeCustomerOverview({ customerId: ADA }))).toMatchObject({
    code: "NotFound",
    reason: "CUSTOMER_NOT_FOUND",
    domain: "overview.v1",
    metadata: { customerId: ADA },
  });
});

test("a customer that does not exist is NOT_FOUND at once, and whoever still works on it is told to stop", async () => {
  const told = Promise.withResolvers<unknown>();
  const { client } = await start({
    customer: () => Promise.reject(notFound("customer.v1", "CUSTOMER_NOT_FOUND")),
    order: (_, { signal }) => {
      signal.addEventListener("abort", () => told.resolve(signal.reason));
      return never();
    },
  });
  expect(await expectFailure(client.composeCustomerOverview({ customerId: ADA }))).toMatchObject({ code: "NotFound" });
  // Not by a deadline of its own, which would come later.
  expect(ConnectError.from(await told.promise).code).toBe(Code.Canceled);
});

test("a service that has nothing of the customer is missing, with its own reason", async () => {
  const { client, log } = await start({
    socialSecurity: () => Promise.reject(notFound("socialsecurity.v1", "RECORD_NOT_FOUND")),
    billing: () => Promise.reject(notFound("billing.v1", "ACCOUNT_NOT_FOUND")),
    order: async () => ({ orders: [] }),
  });
  const { customerOverview } = await client.composeCustomerOverview({ customerId: ADA });
  expect(customerOverview?.number).toBeUndefined();
  expect(customerOverview?.account).toBeUndefined();
  expect(customerOverview?.orders?.totalCount).toBe(0);
  expect(customerOverview?.orders?.lastOrderTime).toBeUndefined();
  expect(customerOverview?.sources).toMatchObject([
    OK,
    { state: SourceState.MISSING, reason: "RECORD_NOT_FOUND", readTime: runtime.clock.now() },
    OK,
    { state: SourceState.MISSING, reason: "ACCOUNT_NOT_FOUND", readTime: runtime.clock.now() },
    OK,
  ]);
  expect(log.filter(({ msg }) => msg === "source left out")).toEqual([]);
});

test("a service that hangs is left out in time for the caller, and the others are there", async () => {
  const { client } = await start({ order: never });
  const { customerOverview } = await client.composeCustomerOverview({ customerId: ADA }, { timeoutMs: 600 });
  expect(customerOverview?.orders).toBeUndefined();
  expect(customerOverview?.account).toBeDefined();
  expect(customerOverview?.sources[4]).toMatchObject({
    source: OverviewSource.ORDER,
    state: SourceState.UNAVAILABLE,
    reason: "DEADLINE_EXCEEDED",
  });
  expect(customerOverview?.sources[4]?.readTime).toBeUndefined();
});

test("without a deadline of the caller's, a service that hangs is waited for 2 seconds at most", async () => {
  const waited: (number | undefined)[] = [];
  const { client } = await start({
    billing: (request, context) => {
      waited.push(context.timeoutMs());
      return knownCustomer.billing(request, context);
    },
  });
  await client.composeCustomerOverview({ customerId: ADA });
  expect(waited).toHaveLength(1);
  expect(waited[0]).toBeGreaterThan(1_000);
  expect(waited[0]).toBeLessThanOrEqual(2_000);
});

test("a service that fails is left out with the reason, and the log has the cause without the caller seeing it", async () => {
  const { client, log } = await start({
    creditScore: () => Promise.reject(new Error("no space left on the disk")),
    billing: () => Promise.reject(new ConnectError("connect ECONNREFUSED 127.0.0.1:1", Code.Unavailable)),
  });
  const reply = await client.composeCustomerOverview({ customerId: ADA });
  expect(reply.customerOverview?.sources).toMatchObject([
    OK,
    OK,
    { state: SourceState.UNAVAILABLE, reason: "INTERNAL" },
    { state: SourceState.UNAVAILABLE, reason: "UNAVAILABLE" },
    OK,
  ]);
  expect(JSON.stringify(reply, (_, value) => (typeof value === "bigint" ? String(value) : value))).not.toMatch(
    /disk|ECONNREFUSED/,
  );
  const left = log.filter(({ msg }) => msg === "source left out");
  expect(left.map(({ source, code, reason }) => [source, code, reason]).toSorted()).toEqual([
    ["BILLING", "Unavailable", "UNAVAILABLE"],
    ["CREDITSCORE", "Internal", "INTERNAL"],
  ]);
});

test("a reply that lacks what its contract promises counts as a failure of its service", async () => {
  const { client } = await start({ billing: async () => ({}) });
  const { customerOverview } = await client.composeCustomerOverview({ customerId: ADA });
  expect(customerOverview?.sources[3]).toMatchObject({ state: SourceState.UNAVAILABLE, reason: "INTERNAL" });
});

test("when all services fail, the call still succeeds and says so of each", async () => {
  const down = () => Promise.reject(new ConnectError("down", Code.Unavailable));
  const { client } = await start({
    customer: down,
    socialSecurity: down,
    creditScore: down,
    billing: down,
    order: down,
  });
  const { customerOverview } = await client.composeCustomerOverview({ customerId: ADA });
  const { customerId, customer, number, creditScore, account, orders, sources = [] } = customerOverview ?? {};
  expect(customerId).toBe(ADA);
  expect([customer, number, creditScore, account, orders]).toEqual(Array(5).fill(undefined));
  expect(sources.map(({ state, reason, readTime }) => [state, reason, readTime])).toEqual(
    Array(5).fill([SourceState.UNAVAILABLE, "UNAVAILABLE", undefined]),
  );
});

test("a NOT_FOUND with another reason than the service's own is a failure, not an absence", async () => {
  const { client } = await start({ customer: () => Promise.reject(notFound("heddle.gateway", "INSTANCE_NOT_FOUND")) });
  const { customerOverview } = await client.composeCustomerOverview({ customerId: ADA });
  expect(customerOverview?.sources[0]).toMatchObject({ state: SourceState.UNAVAILABLE, reason: "INSTANCE_NOT_FOUND" });
});

test("orders are counted up to 500, and more are said to be there", async () => {
  const asked: number[] = [];
  const { client } = await start({
    order: async ({ pageSize, customerId }) => {
      asked.push(pageSize);
      expect(customerId).toBe(ADA);
      const orders = Array.from({ length: 500 }, () => create(OrderSchema, { state: OrderState.CONFIRMED }));
      return { orders, nextPageToken: "more" };
    },
  });
  const { customerOverview } = await client.composeCustomerOverview({ customerId: ADA });
  expect(customerOverview?.orders).toMatchObject({ totalCount: 500, openCount: 500, truncated: true });
  expect(asked).toEqual([500]);
});

test("of a deleted customer nothing personal is shown", async () => {
  const { client } = await start({
    customer: async () => ({
      customer: {
        id: ADA,
        givenName: "Ada",
        familyName: "Lovelace",
        email: "ada@example.com",
        state: CustomerState.DELETED,
      },
    }),
  });
  const { customerOverview } = await client.composeCustomerOverview({ customerId: ADA });
  expect(customerOverview?.customer).toMatchObject({ displayName: "", email: "", active: false });
});

test("every question carries the caller's trace, and ends before the caller's deadline", async () => {
  const seen: { trace: string | null; timeoutMs: number | undefined }[] = [];
  const noting =
    <Q, A>(answer: (request: Q, context: HandlerContext) => A) =>
    (request: Q, context: HandlerContext): A => {
      const { requestHeader } = context;
      seen.push({
        trace: requestHeader.get("traceparent"),
        timeoutMs: context.timeoutMs(),
      });
      return answer(request, context);
    };
  const { client } = await start({
    customer: noting(knownCustomer.customer),
    socialSecurity: noting(knownCustomer.socialSecurity),
    creditScore: noting(knownCustomer.creditScore),
    billing: noting(knownCustomer.billing),
    order: noting(knownCustomer.order),
  });
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
  await client.composeCustomerOverview({ customerId: ADA }, { headers, timeoutMs: 1_500 });
  expect(seen).toHaveLength(5);
  for (const { trace, timeoutMs } of seen) {
    expect(trace?.slice(3, 35)).toBe(traceId);
    expect(trace).not.toBe(headers.traceparent);
    expect(timeoutMs).toBeLessThanOrEqual(1_200);
  }
});

test("an id that is none is refused before anybody is asked", async () => {
  const { client } = await start({ customer: () => expect.unreachable() });
  expect(await expectFailure(client.composeCustomerOverview({ customerId: "ada" }))).toMatchObject({
    code: "InvalidArgument",
    reason: "VALIDATION_FAILED",
    fields: ["customer_id"],
  });
});
