import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  AccountOpenedSchema,
  CreditLimitChangedSchema,
  PaymentAuthorizedSchema,
  PaymentCapturedSchema,
  PaymentExpiredSchema,
  PaymentRecordedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@heddle/contracts/billing/v1";
import { CreditScoreBand, CreditScoreComputedSchema } from "@heddle/contracts/creditscore/v2";
import {
  CustomerCreatedSchema,
  CustomerDeletedSchema,
  CustomerState,
  CustomerUndeletedSchema,
  CustomerUpdatedSchema,
} from "@heddle/contracts/customer/v1";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderFulfilledSchema,
  OrderPlacedSchema,
  OrderRejectedSchema,
  OrderState,
} from "@heddle/contracts/order/v1";
import { type CustomerOverview, OverviewSource, SourceState } from "@heddle/contracts/overview/v1";
import {
  NumberRegisteredSchema,
  NumberVerifiedSchema,
  RecordErasedSchema,
  RecordState,
} from "@heddle/contracts/socialsecurity/v1";
import { expect, test } from "vitest";
import { ACCOUNT_ID, ADA, at, dollars } from "./fixtures/fake-owners.ts";
import { sourceOf } from "./fixtures/received.ts";
import { type KnownParts, NO_EVENT_SEEN, overviewOf } from "./overview-of.ts";
import { SOURCES } from "./sources.ts";
import { foldEffects } from "./view.ts";
import { effectOf, type ViewPayload } from "./view-effects.ts";

/** What is known of one customer. */
interface View {
  readonly overview: CustomerOverview;
  readonly known: KnownParts;
  readonly orderStates: ReadonlyMap<string, OrderState>;
}

const EMPTY: View = { overview: overviewOf(ADA, new Map(), new Map()), known: new Map(), orderStates: new Map() };

/** As of when the sources of a view hold that knows one customer. */
const asOfOf = (known: KnownParts) =>
  new Map(SOURCES.flatMap(({ field, from }) => (known.has(field) ? [[from, known.get(field)?.timeMs ?? 0]] : [])));

const applied = ({ known, orderStates }: View, payload: ViewPayload, createTime: Timestamp): View => {
  const { field } = sourceOf(payload);
  const before = known.get(field);
  const parts = new Map(before === undefined ? [] : [[ADA, before.part]]);
  const changes = foldEffects({ parts, orderStates }, [effectOf(payload, createTime)]);
  const told = changes.told.get(ADA);
  if (told === undefined) throw new Error("the event is about another customer");
  const next = new Map([...known, [field, { ...told, timeMs: Math.max(before?.timeMs ?? 0, told.timeMs) }]]);
  return {
    overview: overviewOf(ADA, next, asOfOf(next)),
    known: next,
    orderStates: new Map([...orderStates, ...changes.orderStates]),
  };
};

/** The view after these events, one second apart, each applied by itself. */
const fold = (payloads: readonly ViewPayload[], from = EMPTY, startSeconds = 1): View =>
  payloads.reduce((view, payload, i) => applied(view, payload, at(startSeconds + i)), from);

const ADA_ACTIVE = {
  id: ADA,
  givenName: "Ada",
  familyName: "Lovelace",
  email: "ada@example.com",
  state: CustomerState.ACTIVE,
  createTime: at(1),
};
const ADA_DELETED = { ...ADA_ACTIVE, state: CustomerState.DELETED };

test("before the first event, every source is missing because no event was seen", () => {
  const { overview } = EMPTY;
  expect(overview.sources).toMatchObject(
    SOURCES.map(({ source }) => ({ source, state: SourceState.MISSING, reason: NO_EVENT_SEEN })),
  );
  expect(overview.sources.map(({ readTime }) => readTime)).toEqual(Array(5).fill(undefined));
  expect(SOURCES.map(({ source }) => source)).toEqual([1, 2, 3, 4, 5]);
});

test("an event changes its own part and source alone, and the view it was applied to not at all", () => {
  const before = fold([create(CustomerCreatedSchema, { customer: ADA_ACTIVE })]);
  const kept = structuredClone(before.overview);
  const after = fold([create(CreditScoreComputedSchema, { creditScore: { customerId: ADA, value: 800 } })], before, 5);
  expect(structuredClone(before.overview)).toEqual(kept);
  expect(after.overview.customer).toEqual(before.overview.customer);
  expect(after.overview.sources).toMatchObject([
    { state: SourceState.OK, reason: "", readTime: at(1) },
    { state: SourceState.MISSING },
    { source: OverviewSource.CREDITSCORE, state: SourceState.OK, reason: "", readTime: at(5) },
    { state: SourceState.MISSING },
    { state: SourceState.MISSING },
  ]);
  expect(after.overview.updateTime).toEqual(at(5));
});

test("CustomerCreated tells who the customer is, and CustomerUpdated tells it anew", () => {
  const created = fold([create(CustomerCreatedSchema, { customer: ADA_ACTIVE })]);
  expect(created.overview.customer).toMatchObject({
    displayName: "Ada Lovelace",
    email: "ada@example.com",
    active: true,
    createTime: at(1),
  });
  const updated = fold([create(CustomerUpdatedSchema, { customer: { ...ADA_ACTIVE, familyName: "King" } })], created);
  expect(updated.overview.customer?.displayName).toBe("Ada King");
});

test("CustomerDeleted makes the view forget what is personal, and CustomerUndeleted brings it back", () => {
  const created = create(CustomerCreatedSchema, { customer: ADA_ACTIVE });
  const deleted = fold([created, create(CustomerDeletedSchema, { customer: ADA_DELETED })]);
  expect(deleted.overview.customer).toMatchObject({ displayName: "", email: "", active: false, createTime: at(1) });
  const back = fold([create(CustomerUndeletedSchema, { customer: ADA_ACTIVE })], deleted);
  expect(back.overview.customer).toMatchObject({ displayName: "Ada Lovelace", active: true });
});

const registered = create(NumberRegisteredSchema, { customerId: ADA, state: RecordState.REGISTERED });
const verified = create(NumberVerifiedSchema, { customerId: ADA, state: RecordState.VERIFIED });
const erased = create(RecordErasedSchema, { customerId: ADA, state: RecordState.ERASED });
const verifiedAt = create(NumberVerifiedSchema, { ...verified, verifyTime: at(100) });
const erasedVerifiedAt = create(RecordErasedSchema, { ...erased, verifyTime: at(100) });

test.each([
  ["NumberRegistered", [registered], [false, undefined]],
  ["NumberVerified", [registered, verified], [true, at(2)]],
  ["RecordErased", [registered, verified, erased], [false, at(2)]],
  ["RecordErased of a number never verified", [registered, erased], [false, undefined]],
  ["NumberVerified that says when", [registered, verifiedAt], [true, at(100)]],
  ["RecordErased that says when it was verified", [registered, erasedVerifiedAt], [false, at(100)]],
  ["a number registered anew", [registered, verified, erased, registered], [false, undefined]],
])("%s says how far the number is trusted", (_, events, expected) => {
  const { number } = fold(events).overview;
  expect([number?.verified, number?.verifyTime]).toEqual(expected);
});

test.each([
  [CreditScoreBand.POOR, "poor"],
  [CreditScoreBand.VERY_GOOD, "very_good"],
  [99 as CreditScoreBand, ""],
])("CreditScoreComputed of band %i shows the band as %o", (band, name) => {
  const creditScore = { customerId: ADA, value: 612, band, createTime: at(7) };
  expect(fold([create(CreditScoreComputedSchema, { creditScore })]).overview.creditScore).toMatchObject({
    value: 612,
    band: name,
    createTime: at(7),
  });
});

test.each([
  AccountOpenedSchema,
  CreditLimitChangedSchema,
  PaymentAuthorizedSchema,
  PaymentCapturedSchema,
  PaymentVoidedSchema,
  PaymentExpiredSchema,
  PaymentRefundedSchema,
  PaymentRecordedSchema,
])("$name tells what the customer owes and may still spend", (schema) => {
  const account = {
    id: ACCOUNT_ID,
    customerId: ADA,
    creditLimit: dollars(100),
    balance: dollars(-5),
    authorizedAmount: dollars(20),
    availableCredit: dollars(85),
  };
  const { overview } = fold([create(schema, { account })]);
  expect(overview.account).toMatchObject({
    accountId: ACCOUNT_ID,
    creditLimit: dollars(100),
    balance: dollars(-5),
    availableCredit: dollars(85),
  });
  expect(overview.sources[3]).toMatchObject({ source: OverviewSource.BILLING, state: SourceState.OK });
});

const order = (id: string, state: OrderState, createSeconds = 1) => ({
  order: { id, customerId: ADA, state, createTime: at(createSeconds) },
});
const placed = (id: string, createSeconds = 1) =>
  create(OrderPlacedSchema, order(id, OrderState.PENDING, createSeconds));
const confirmed = (id: string) => create(OrderConfirmedSchema, order(id, OrderState.CONFIRMED));
const rejected = (id: string) => create(OrderRejectedSchema, order(id, OrderState.REJECTED));
const fulfilled = (id: string) => create(OrderFulfilledSchema, order(id, OrderState.FULFILLED));
const cancelled = (id: string) => create(OrderCancelledSchema, order(id, OrderState.CANCELLED));

test.each([
  ["OrderPlaced", [placed("a")], [1, 1, 0, 0]],
  ["OrderConfirmed", [placed("a"), confirmed("a")], [1, 1, 0, 0]],
  ["OrderRejected", [placed("a"), rejected("a")], [1, 0, 0, 1]],
  ["OrderFulfilled", [placed("a"), confirmed("a"), fulfilled("a")], [1, 0, 1, 0]],
  ["OrderCancelled of a confirmed order", [placed("a"), confirmed("a"), cancelled("a")], [1, 0, 0, 1]],
  ["OrderCancelled of a fulfilled order", [placed("a"), confirmed("a"), fulfilled("a"), cancelled("a")], [1, 0, 0, 1]],
  [
    "the events of several orders in turn",
    [placed("a"), placed("b"), confirmed("b"), rejected("a"), fulfilled("b")],
    [2, 0, 1, 1],
  ],
  ["an event that comes twice", [placed("a"), confirmed("a"), confirmed("a")], [1, 1, 0, 0]],
])("%s moves the order between the counts", (_, events, [totalCount, openCount, fulfilledCount, closedCount]) => {
  expect(fold(events).overview.orders).toMatchObject({
    totalCount,
    openCount,
    fulfilledCount,
    closedCount,
    truncated: false,
  });
});

test("times never go back, in whatever order the events of several orders arrive", () => {
  const { overview } = applied(applied(EMPTY, placed("b", 30), at(30)), placed("a", 20), at(20));
  expect(overview.orders?.lastOrderTime).toEqual(at(30));
  expect(overview.sources[4]?.readTime).toEqual(at(30));
  expect(overview.updateTime).toEqual(at(30));
});

test("an event without its subject is refused", () => {
  expect(() => fold([create(OrderPlacedSchema, {})])).toThrow("order.v1.OrderPlaced does not say what it is about");
});
