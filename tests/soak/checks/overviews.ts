import { create, toJson } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { CreditScoreBand } from "@heddle/contracts/creditscore/v2";
import { type Customer, CustomerState } from "@heddle/contracts/customer/v1";
import { type Order, OrderState } from "@heddle/contracts/order/v1";
import { type CustomerOverview, CustomerOverviewSchema } from "@heddle/contracts/overview/v1";
import { RecordState } from "@heddle/contracts/socialsecurity/v1";
import { byKey, type Check, checking, type Evidence, groupedBy } from "./check.ts";
import { accountIn, customerIn, numberIn, orderIn, scoreIn } from "./decode-event.ts";

/** The parts of an overview that say something of the customer; the rest says who was asked when. */
const PARTS = ["customer", "number", "creditScore", "account", "orders"] as const;
type Parts = Pick<CustomerOverview, (typeof PARTS)[number]>;

/** The view of each customer, part by part, is what its events say, by a fold of our own, and what its owners answer. */
export const viewsAgree = (evidence: Evidence): Check => {
  const { answers } = evidence;
  const check = checking("overview's view is the fold of the events and the live composition", "customers");
  const folded = fold(evidence);
  const views = byKey(answers.views, ({ customerId }) => customerId);
  const compositions = byKey(answers.compositions, ({ customerId }) => customerId);
  for (const [customerId, expected] of folded) {
    check.look();
    const view = views.get(customerId);
    check.expect(view !== undefined, () => `customer ${customerId} has no view`);
    if (view !== undefined) {
      for (const difference of differences(view, expected)) {
        check.expect(false, () => `customer ${customerId}: the view's ${difference} by its events`);
      }
    }
    const composition = compositions.get(customerId);
    if (composition === undefined) continue;
    for (const difference of differences(composition, expected)) {
      check.expect(false, () => `customer ${customerId}: the composition's ${difference} by its events`);
    }
  }
  for (const { customerId } of answers.views) {
    check.expect(folded.has(customerId), () => `customer ${customerId} has a view, and no event`);
  }
  return check.done();
};

/** Each part that is another, as `part is this, but that`. */
const differences = (shown: CustomerOverview, expected: Parts): string[] =>
  PARTS.flatMap((part) => {
    const [is, should] = [partJson(shown, part), partJson(expected, part)];
    return is === should ? [] : [`${part} is ${is}, but ${should}`];
  });

/** Without orders there is nothing to count: a view has no part then, a composition one full of zeros. */
const partJson = (parts: Parts, part: (typeof PARTS)[number]): string => {
  if (part === "orders" && (parts.orders?.totalCount ?? 0) === 0) return "none";
  const { [part]: value } = parts;
  return JSON.stringify(toJson(CustomerOverviewSchema, create(CustomerOverviewSchema, { [part]: value })));
};

/** What the events of all feeds say of each customer, written apart from the service's own fold. */
const fold = ({ stores }: Evidence): Map<string, Parts> => {
  const folded = new Map<string, Parts>();
  const put = (customerId: string, part: Partial<Parts>) =>
    folded.set(customerId, { ...create(CustomerOverviewSchema), ...folded.get(customerId), ...part });
  const eventsOf = (service: string) => stores.events.get(service) ?? [];

  for (const event of eventsOf("customer")) {
    const customer = customerIn(event);
    if (customer !== undefined) put(customer.id, overviewWith({ customer: customerPart(customer) }));
  }
  for (const event of eventsOf("socialsecurity")) {
    const number = numberIn(event);
    if (number === undefined) continue;
    const { customerId, state } = number;
    const verifyTime = "verifyTime" in number ? number.verifyTime : undefined;
    const verified = state === RecordState.VERIFIED;
    put(customerId, overviewWith({ number: { verified, ...(verifyTime && { verifyTime }) } }));
  }
  for (const event of eventsOf("creditscore")) {
    const score = scoreIn(event);
    if (score === undefined) continue;
    const { value, band, createTime } = score;
    const name = (CreditScoreBand[band] ?? "").toLowerCase();
    put(score.customerId, overviewWith({ creditScore: { value, band: name, ...(createTime && { createTime }) } }));
  }
  for (const event of eventsOf("billing")) {
    const account = accountIn(event);
    if (account === undefined) continue;
    const { id: accountId, creditLimit, balance, availableCredit } = account;
    const sums = {
      ...(creditLimit && { creditLimit }),
      ...(balance && { balance }),
      ...(availableCredit && { availableCredit }),
    };
    put(account.customerId, overviewWith({ account: { accountId, ...sums } }));
  }
  const latest = byKey(
    eventsOf("order").flatMap((event) => orderIn(event) ?? []),
    ({ id }) => id,
  );
  for (const [customerId, orders] of groupedBy([...latest.values()], (order) => order.customerId)) {
    put(customerId, overviewWith({ orders: orderPart(orders) }));
  }
  return folded;
};

type OverviewInit = Parameters<typeof create<typeof CustomerOverviewSchema>>[1];

/** Only the parts that are given. */
const overviewWith = (init: NonNullable<OverviewInit>): Partial<Parts> => {
  const overview = create(CustomerOverviewSchema, init);
  return Object.fromEntries(PARTS.flatMap((part) => (overview[part] === undefined ? [] : [[part, overview[part]]])));
};

const customerPart = ({ givenName, familyName, email, state, createTime }: Customer) => {
  const active = state === CustomerState.ACTIVE;
  return {
    displayName: active ? `${givenName} ${familyName}` : "",
    email: active ? email : "",
    active,
    ...(createTime && { createTime }),
  };
};

const orderPart = (orders: readonly Order[]) => {
  const count = (...states: OrderState[]) => orders.filter(({ state }) => states.includes(state)).length;
  const last = Math.max(...orders.map(({ createTime }) => (createTime ? timestampMs(createTime) : 0)));
  return {
    totalCount: orders.length,
    openCount: count(OrderState.PENDING, OrderState.CONFIRMED),
    fulfilledCount: count(OrderState.FULFILLED),
    closedCount: count(OrderState.REJECTED, OrderState.CANCELLED),
    lastOrderTime: timestampFromMs(last),
  };
};
