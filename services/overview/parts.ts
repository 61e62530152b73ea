import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Account } from "@heddle/contracts/billing/v1";
import { type CreditScore, CreditScoreBand } from "@heddle/contracts/creditscore/v2";
import { type Customer, CustomerState } from "@heddle/contracts/customer/v1";
import { type Order, OrderState } from "@heddle/contracts/order/v1";
import {
  type AccountSummary,
  AccountSummarySchema,
  type CreditScoreSummary,
  CreditScoreSummarySchema,
  type CustomerSummary,
  CustomerSummarySchema,
  type NumberSummary,
  NumberSummarySchema,
  type OrderSummary,
  OrderSummarySchema,
} from "@heddle/contracts/overview/v1";
import { RecordState } from "@heddle/contracts/socialsecurity/v1";

// The parts of an overview, made of what their owners send. The view and the composition share them, so that the two agree.

/** Who a customer is. Of a deleted one nothing personal is left: a copy must not outlive the consent to keep it. */
export const customerSummary = ({ givenName, familyName, email, state, createTime }: Customer): CustomerSummary => {
  const active = state === CustomerState.ACTIVE;
  return create(CustomerSummarySchema, {
    displayName: active ? `${givenName} ${familyName}` : "",
    email: active ? email : "",
    active,
    ...(createTime && { createTime }),
  });
};

/** How far a number is trusted. */
export const numberSummary = (state: RecordState, verifyTime: Timestamp | undefined): NumberSummary =>
  create(NumberSummarySchema, { verified: state === RecordState.VERIFIED, ...(verifyTime && { verifyTime }) });

/** A credit score. A band that this service does not know yet has no name. */
export const creditScoreSummary = ({ value, band, createTime }: CreditScore): CreditScoreSummary =>
  create(CreditScoreSummarySchema, {
    value,
    band: (CreditScoreBand[band] ?? "").toLowerCase(),
    ...(createTime && { createTime }),
  });

/** What a customer owes and may still spend. */
export const accountSummary = ({ id, creditLimit, balance, availableCredit }: Account): AccountSummary =>
  create(AccountSummarySchema, {
    accountId: id,
    ...(creditLimit && { creditLimit }),
    ...(balance && { balance }),
    ...(availableCredit && { availableCredit }),
  });

/** The counts when an order comes to be in the state that it shows, from `before`; undefined for one that was not counted yet. */
export const countOrder = (
  counts: OrderSummary | undefined,
  order: Order,
  before: OrderState | undefined,
): OrderSummary => {
  const next: OrderSummary = { ...(counts ?? create(OrderSummarySchema)) };
  if (before === undefined) next.totalCount++;
  else countIn(next, before, -1);
  countIn(next, order.state, 1);
  const lastOrderTime = laterOf(next.lastOrderTime, order.createTime);
  return { ...next, ...(lastOrderTime && { lastOrderTime }) };
};

/** Counts a list of different orders. `truncated`: there are more than these. */
export const countOrders = (orders: readonly Order[], truncated: boolean): OrderSummary => ({
  ...orders.reduce<OrderSummary>((counts, order) => countOrder(counts, order, undefined), create(OrderSummarySchema)),
  truncated,
});

/** The later of two times; absent only when both are. */
const laterOf = (a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  return timestampMs(b) > timestampMs(a) ? b : a;
};

/** A state that this service does not know yet counts in the total alone. */
const countIn = (counts: OrderSummary, state: OrderState, by: 1 | -1): void => {
  switch (state) {
    case OrderState.PENDING:
    case OrderState.CONFIRMED:
      counts.openCount += by;
      break;
    case OrderState.FULFILLED:
      counts.fulfilledCount += by;
      break;
    case OrderState.REJECTED:
    case OrderState.CANCELLED:
      counts.closedCount += by;
      break;
  }
};
