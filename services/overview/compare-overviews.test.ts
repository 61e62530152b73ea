import { create } from "@bufbuild/protobuf";
import {
  type CustomerOverview,
  CustomerOverviewSchema,
  OverviewSource,
  SourceState,
} from "@heddle/contracts/overview/v1";
import { expect, test } from "vitest";
import { compareOverviews } from "./compare-overviews.ts";
import { ACCOUNT_ID, ADA, at, dollars } from "./fixtures/fake-owners.ts";
import { overviewOf } from "./overview-of.ts";
import { SOURCES } from "./sources.ts";

const status = (source: OverviewSource, state: SourceState) => ({ source, state, readTime: at(50) });

const composed = (
  parts: Partial<Omit<CustomerOverview, "$typeName">> = {},
  states: Partial<Record<OverviewSource, SourceState>> = {},
): CustomerOverview =>
  create(CustomerOverviewSchema, {
    ...parts,
    customerId: ADA,
    sources: SOURCES.map(({ source }) => status(source, states[source] ?? SourceState.OK)),
  });

const parts = create(CustomerOverviewSchema, {
  customer: { displayName: "Ada Lovelace", email: "ada@example.com", active: true, createTime: at(1) },
  number: { verified: true, verifyTime: at(2) },
  creditScore: { value: 700, band: "good", createTime: at(3) },
  account: { accountId: ACCOUNT_ID, balance: dollars(3), creditLimit: dollars(9), availableCredit: dollars(6) },
  orders: { totalCount: 3, openCount: 1, fulfilledCount: 1, closedCount: 1, lastOrderTime: at(4) },
});
const { $typeName: _, ...ALL } = parts;

test("two overviews of the same parts agree, whenever they were made", () => {
  expect(compareOverviews(composed(ALL), composed({ ...ALL, updateTime: at(99) }))).toEqual({
    differences: [],
    unchecked: [],
  });
});

test("every field that differs is named by its path, with both values", () => {
  const { account, customer, number } = ALL;
  if (account === undefined || customer === undefined || number === undefined) throw new Error("a part is missing");
  const { verifyTime: __, ...unverified } = number;
  const view = composed({
    ...ALL,
    customer: { ...customer, email: "old@example.com" },
    number: { ...unverified, verified: false },
    account: { ...account, balance: { ...dollars(4), $typeName: "common.v1.Money" } },
  });
  expect(compareOverviews(view, composed(ALL)).differences).toMatchObject([
    { source: 1, field: "customer.email", viewValue: '"old@example.com"', composedValue: '"ada@example.com"' },
    { source: 2, field: "number.verified", viewValue: "false", composedValue: "true" },
    { source: 2, field: "number.verify_time", viewValue: "", composedValue: '"2023-11-14T22:13:22Z"' },
    { source: 4, field: "account.balance.minor_units", viewValue: '"400"', composedValue: '"300"' },
  ]);
});

test("a part that one of the two lacks differs in all its fields", () => {
  const { creditScore, ...rest } = ALL;
  const { differences } = compareOverviews(composed(rest), composed(ALL));
  expect(differences.map(({ field }) => field)).toEqual([
    "credit_score.value",
    "credit_score.band",
    "credit_score.create_time",
  ]);
  expect(compareOverviews(composed(ALL), composed(rest)).differences).toHaveLength(3);
});

test("a source that did not answer is not compared, and named", () => {
  const { account, ...rest } = ALL;
  const silent = composed(rest, { [OverviewSource.BILLING]: SourceState.UNAVAILABLE });
  expect(compareOverviews(composed(ALL), silent)).toEqual({ differences: [], unchecked: [OverviewSource.BILLING] });
});

test("a customer without orders has no event that says so, and agrees with an empty list", () => {
  const { orders, ...rest } = ALL;
  const zero = {
    $typeName: "overview.v1.OrderSummary",
    totalCount: 0,
    openCount: 0,
    fulfilledCount: 0,
    closedCount: 0,
  } as const;
  expect(compareOverviews(composed(rest), composed({ ...rest, orders: { ...zero, truncated: false } }))).toEqual({
    differences: [],
    unchecked: [],
  });
});

test("the counts of a composition that stopped counting are not compared, its latest order is", () => {
  const { orders } = ALL;
  if (orders === undefined) throw new Error("a part is missing");
  const stopped = { ...orders, totalCount: 500, truncated: true };
  const view = composed({ ...ALL, orders: { ...orders, totalCount: 700, lastOrderTime: at(5) } });
  expect(compareOverviews(view, composed({ ...ALL, orders: stopped })).differences.map(({ field }) => field)).toEqual([
    "orders.last_order_time",
  ]);
});

test("a view that does not know the customer differs from one who has an account", () => {
  const { differences } = compareOverviews(overviewOf(ADA, new Map(), new Map()), composed(ALL));
  expect(new Set(differences.map(({ source }) => source))).toEqual(new Set(SOURCES.map(({ source }) => source)));
});
