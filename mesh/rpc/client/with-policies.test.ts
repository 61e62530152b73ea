import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { RetryInfoSchema } from "@heddle/contracts/google/rpc";
import { EventFeedService } from "@heddle/contracts/heddle/events/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { describe, expect, test } from "vitest";
import { RETRY_BUDGET } from "../../policy/index.ts";
import { expectFailure } from "../../testing/expect-failure.ts";
import { fakeTime } from "../../testing/fake-time.ts";
import { randomNumbers } from "../../wire/fixtures/random-numbers.ts";
import { backgroundCall, runInCall } from "../call.ts";
import { failureOf } from "./fixtures/echo-client.ts";
import { scriptedTransport } from "./fixtures/scripted-transport.ts";
import { withPolicies } from "./with-policies.ts";

const start = () => {
  const time = fakeTime();
  const random = { ...randomNumbers(1), bytes: (count: number) => new Uint8Array(count) };
  const { transport, sent, requests } = scriptedTransport();
  const policed = withPolicies(transport, { ...time, random });
  const client = createClient(CustomerService, policed);
  return {
    time,
    sent,
    requests,
    customers: client,
    orders: createClient(OrderService, policed),
    feed: createClient(EventFeedService, policed),
    /** Longer than any wait without pushback. */
    pass: () => time.advance(1_500),
  };
};

const unavailable = (metadata: Record<string, string> = {}): ConnectError =>
  new ConnectError("gone", Code.Unavailable, metadata);
/** The least that a target may be sent again, however few calls there are. */
const LEAST = RETRY_BUDGET.perSecond * RETRY_BUDGET.windowSeconds;

describe("a call that fails in passing", () => {
  test("is sent again when it may take effect twice, and says how often it was sent before", async () => {
    const { customers, sent, pass } = start();
    const call = customers.listCustomers({ pageSize: 2 });
    sent[0]?.fail(unavailable());
    await pass();
    sent[1]?.fail(unavailable());
    await pass();
    sent[2]?.succeed({ nextPageToken: "t" });
    expect((await call).nextPageToken).toBe("t");
    expect(sent.map(({ header }) => header.get("grpc-previous-rpc-attempts"))).toEqual([null, "1", "2"]);
  });

  test("fails as its third attempt has", async () => {
    const { customers, sent, pass } = start();
    const failed = failureOf(customers.listCustomers({}));
    for (const text of ["first", "second", "third"]) {
      sent.at(-1)?.fail(new ConnectError(text, Code.Unavailable));
      await pass();
    }
    expect([sent.length, (await failed).rawMessage]).toEqual([3, "third"]);
  });

  test("is not sent again when it may take effect only once, but with a request id it is", async () => {
    const { orders, sent, pass } = start();
    const once = failureOf(orders.placeOrder({}));
    sent[0]?.fail(unavailable());
    await pass();
    expect([sent.length, (await once).code]).toEqual([1, Code.Unavailable]);
    const often = orders.placeOrder({ requestId: "0190163d-8694-739b-aea5-966c26f8ad91" });
    sent[1]?.fail(unavailable());
    await pass();
    sent[2]?.succeed();
    await often;
  });

  test("goes elsewhere: each attempt knows where the others were", async () => {
    const { customers, sent, pass } = start();
    const call = customers.listCustomers({});
    sent[0]?.attempt?.tried.push("10.0.0.1:80");
    sent[0]?.fail(unavailable());
    await pass();
    expect(sent[1]?.attempt?.tried).toEqual(["10.0.0.1:80"]);
    sent[1]?.succeed();
    await call;
  });

  test("is not sent again when its response has begun", async () => {
    const { customers, sent, pass } = start();
    const failed = failureOf(customers.listCustomers({}));
    (sent[0]?.attempt as { isAnswered: boolean }).isAnswered = true;
    sent[0]?.fail(unavailable());
    await pass();
    await failed;
    expect(sent).toHaveLength(1);
  });

  test("waits as long as the target asks for, and does not come back when it says so", async () => {
    const { customers, sent, time } = start();
    const call = customers.listCustomers({});
    sent[0]?.fail(unavailable({ "grpc-retry-pushback-ms": "1234" }));
    await time.advance(1_233);
    expect(sent).toHaveLength(1);
    await time.advance(1);
    expect(sent).toHaveLength(2);
    const asks = new ConnectError("soon", Code.ResourceExhausted);
    asks.details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: 2n } } });
    sent[1]?.fail(asks);
    await time.advance(1_999);
    expect(sent).toHaveLength(2);
    await time.advance(401);
    expect(sent).toHaveLength(3);
    sent[2]?.succeed();
    await call;
    const refused = failureOf(customers.listCustomers({}));
    sent[3]?.fail(unavailable({ "grpc-retry-pushback-ms": "-1" }));
    await time.advance(5_000);
    await refused;
    expect(sent).toHaveLength(4);
  });

  test("keeps to its deadline: later attempts get what is left, and none is sent that could not end", async () => {
    const { customers, sent, time } = start();
    const failed = failureOf(customers.listCustomers({}, { timeoutMs: 100 }));
    await time.advance(40);
    sent[0]?.fail(unavailable());
    await time.advance(40);
    expect(sent.map(({ timeoutMs }) => timeoutMs)).toEqual([100, expect.closeTo(35, -1)]);
    sent[1]?.fail(unavailable());
    await time.advance(1_000);
    expect([sent.length, (await failed).code]).toEqual([2, Code.Unavailable]);
  });

  test("fails at once when its caller leaves while it waits", async () => {
    const { customers, sent, time } = start();
    const leaving = new AbortController();
    const failed = failureOf(customers.listCustomers({}, { signal: leaving.signal }));
    sent[0]?.fail(unavailable());
    await time.advance(1);
    leaving.abort();
    expect((await failed).code).toBe(Code.Canceled);
    await time.advance(1_000);
    expect(sent).toHaveLength(1);
  });

  test("is sent again no oftener than the budget of its service allows", async () => {
    const { customers, sent, time } = start();
    const calls = Array.from({ length: 500 }, () => failureOf(customers.listCustomers({})));
    for (let at = 0; at < 1_500; at++) {
      if (sent[at] === undefined) await time.advance(60);
      sent[at]?.fail(unavailable());
    }
    await time.advance(5_000);
    await Promise.all(calls);
    expect(sent).toHaveLength(500 + LEAST + 0.2 * 500);
  });

  test("leaves its mark on the call that is being served when no further try is worth it", async () => {
    const { customers, sent, pass } = start();
    const served = backgroundCall("");
    await runInCall(served, async () => {
      const failed = failureOf(customers.listCustomers({}));
      sent[0]?.fail(unavailable());
      await pass();
      expect(served.isExhausted).toBe(false);
      sent[1]?.fail(unavailable({ "grpc-retry-pushback-ms": "-1" }));
      await failed;
    });
    expect(served.isExhausted).toBe(true);
  });
});

describe("a stream of replies", () => {
  test("is begun again with the same request when it fails before its response", async () => {
    const { feed, sent, requests, pass } = start();
    const replies = feed.subscribe({ afterSequence: 7n })[Symbol.asyncIterator]();
    const next = replies.next();
    await pass();
    sent[0]?.fail(unavailable());
    await pass();
    sent[1]?.succeed();
    expect((await next).done).toBe(false);
    expect(requests).toEqual([
      expect.objectContaining({ afterSequence: 7n }),
      expect.objectContaining({ afterSequence: 7n }),
    ]);
  });
});

describe("a slow call that may be hedged", () => {
  test("is sent a second time, and the first good answer counts: the other attempt is given up", async () => {
    const { customers, sent, time } = start();
    const call = customers.getCustomer({});
    await time.advance(49);
    expect(sent).toHaveLength(1);
    await time.advance(1);
    expect(sent).toHaveLength(2);
    await time.advance(1_000);
    expect(sent).toHaveLength(2);
    sent[1]?.succeed({ customer: { id: "cus_2" } });
    expect((await call).customer?.id).toBe("cus_2");
    expect(sent.map(({ isAbandoned }) => isAbandoned)).toEqual([true, false]);
  });

  test("is not when it is answered in time", async () => {
    const { customers, sent, time } = start();
    const call = customers.getCustomer({});
    await time.advance(40);
    sent[0]?.succeed();
    await call;
    await time.advance(100);
    expect([sent.length, time.pending()]).toEqual([1, 0]);
  });

  test("waits for the attempt that is still out when one fails in passing for good", async () => {
    const { customers, sent, time } = start();
    const call = customers.getCustomer({});
    await time.advance(50);
    sent[0]?.fail(unavailable({ "grpc-retry-pushback-ms": "-1" }));
    await time.advance(1_000);
    sent[1]?.succeed();
    await call;
    expect(sent).toHaveLength(2);
  });

  test("fails at once by an error that any attempt would meet with", async () => {
    const { customers, sent, time } = start();
    const failed = failureOf(customers.getCustomer({}));
    await time.advance(50);
    sent[1]?.fail(new ConnectError("no", Code.NotFound));
    expect((await failed).code).toBe(Code.NotFound);
    expect(sent[0]?.isAbandoned).toBe(true);
  });

  test("is repeated as well when it fails before its copy is due", async () => {
    const { customers, sent, pass } = start();
    const call = customers.getCustomer({});
    sent[0]?.fail(unavailable());
    await pass();
    sent[1]?.succeed();
    await call;
    expect(sent.map(({ header }) => header.get("grpc-previous-rpc-attempts"))).toEqual([null, "1"]);
  });

  test("is sent no oftener than others, also where two of its attempts fail at the same time", async () => {
    const { customers, sent, time, pass } = start();
    const failed = failureOf(customers.getCustomer({}));
    await time.advance(50);
    for (const each of [...sent]) each.fail(unavailable());
    await pass();
    for (const each of sent.slice(2)) each.fail(unavailable());
    await pass();
    expect((await failed).code).toBe(Code.Unavailable);
    expect(sent.map(({ header }) => header.get("grpc-previous-rpc-attempts"))).toEqual([null, "1", "2"]);
  });

  test("is not sent a second time when the budget is empty", async () => {
    const { customers, sent, time } = start();
    const calls = Array.from({ length: LEAST * 2 }, () => customers.getCustomer({}));
    await time.advance(50);
    expect(sent).toHaveLength(LEAST * 2 + LEAST + 0.2 * LEAST * 2);
    for (const each of sent) each.succeed();
    await Promise.all(calls);
  });
});

test("calls to a service that fails nearly all of them are held back, and it is said why", async () => {
  const { orders, customers, sent, pass } = start();
  const calls = Array.from({ length: 400 }, async () => failureOf(orders.placeOrder({})));
  for (const each of sent) each.fail(unavailable());
  await Promise.all(calls);
  const before = sent.length;
  const next = Array.from({ length: 100 }, () => failureOf(orders.placeOrder({})));
  for (const each of sent.slice(before)) each.fail(unavailable());
  await pass();
  const errors = await Promise.all(next);
  const heldBack = errors.filter(({ rawMessage }) => rawMessage !== "gone");
  expect(heldBack.length).toBeGreaterThan(60);
  expect(heldBack.length).toBeLessThan(95);
  expect(await expectFailure(Promise.reject(heldBack[0]))).toMatchObject({
    code: "Unavailable",
    reason: "CIRCUIT_OPEN",
  });
  // Other services are not concerned.
  const call = customers.listCustomers({});
  sent.at(-1)?.succeed();
  await call;
});
