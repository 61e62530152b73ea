import { create } from "@bufbuild/protobuf";
import {
  type CustomerOverview,
  CustomerOverviewSchema,
  OverviewSource,
  SourceState,
} from "@heddle/contracts/overview/v1";
import { fail } from "@heddle/mesh/contract";
import { type Answer, type Ask, asking } from "./ask.ts";
import { CUSTOMER_NOT_FOUND } from "./errors.ts";
import type { Deps, Owners } from "./handlers/deps.ts";
import { accountSummary, countOrders, creditScoreSummary, customerSummary, numberSummary } from "./parts.ts";

/** Orders that are counted at most, as the contract says: one page of the longest. */
const ORDERS_MAX = 500;

/** Asks all services at once, and puts together what came in time. Throws CUSTOMER_NOT_FOUND. */
export const compose = async (
  deps: Pick<Deps, "owners" | "clock" | "ids" | "log">,
  customerId: string,
): Promise<CustomerOverview> => {
  const { ask, stop } = asking(deps);
  try {
    const { owners } = deps;
    const [customer, number, creditScore, account, orders] = await Promise.all([
      existing(askCustomer(ask, owners, customerId), customerId),
      askNumber(ask, owners, customerId),
      askCreditScore(ask, owners, customerId),
      askAccount(ask, owners, customerId),
      askOrders(ask, owners, customerId),
    ]);
    return create(CustomerOverviewSchema, {
      customerId,
      ...customer.part,
      ...number.part,
      ...creditScore.part,
      ...account.part,
      ...orders.part,
      sources: [customer, number, creditScore, account, orders].map(({ status }) => status),
      updateTime: deps.clock.now(),
    });
  } finally {
    // Nobody waits for the other answers once there is no such customer.
    stop();
  }
};

/** There is no overview of a customer that does not exist. One whose service is silent may exist. */
const existing = async <P>(answer: Promise<Answer<P>>, customerId: string): Promise<Answer<P>> => {
  const known = await answer;
  if (known.status.state === SourceState.MISSING) throw fail(CUSTOMER_NOT_FOUND, { customerId });
  return known;
};

const askCustomer = (ask: Ask, { customer }: Owners, customerId: string) =>
  ask({ source: OverviewSource.CUSTOMER, missingReason: "CUSTOMER_NOT_FOUND" }, async (options) => {
    const reply = await customer.getCustomer({ customerId }, options);
    return { customer: customerSummary(held(reply.customer, "customer")) };
  });

const askNumber = (ask: Ask, { socialSecurity }: Owners, customerId: string) =>
  ask({ source: OverviewSource.SOCIALSECURITY, missingReason: "RECORD_NOT_FOUND" }, async (options) => {
    const { state, verifyTime } = held((await socialSecurity.getRecord({ customerId }, options)).record, "record");
    return { number: numberSummary(state, verifyTime) };
  });

const askCreditScore = (ask: Ask, { creditScore }: Owners, customerId: string) =>
  ask({ source: OverviewSource.CREDITSCORE }, async (options) => {
    const reply = await creditScore.getCreditScore({ customerId }, options);
    return { creditScore: creditScoreSummary(held(reply.creditScore, "credit score")) };
  });

const askAccount = (ask: Ask, { billing }: Owners, customerId: string) =>
  ask({ source: OverviewSource.BILLING, missingReason: "ACCOUNT_NOT_FOUND" }, async (options) => {
    const reply = await billing.getAccount({ lookup: { case: "customerId", value: customerId } }, options);
    return { account: accountSummary(held(reply.account, "account")) };
  });

const askOrders = (ask: Ask, { order }: Owners, customerId: string) =>
  ask({ source: OverviewSource.ORDER }, async (options) => {
    const { orders, nextPageToken } = await order.listOrders({ customerId, pageSize: ORDERS_MAX }, options);
    return { orders: countOrders(orders, nextPageToken !== "") };
  });

/** What a contract promises to be in a reply. */
const held = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new Error(`The reply holds no ${what}.`);
  return value;
};
