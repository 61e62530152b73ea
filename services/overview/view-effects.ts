import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type {
  Account,
  AccountOpened,
  CreditLimitChanged,
  PaymentAuthorized,
  PaymentCaptured,
  PaymentExpired,
  PaymentRecorded,
  PaymentRefunded,
  PaymentVoided,
} from "@heddle/contracts/billing/v1";
import type { CreditScoreComputed } from "@heddle/contracts/creditscore/v2";
import type {
  Customer,
  CustomerCreated,
  CustomerDeleted,
  CustomerUndeleted,
  CustomerUpdated,
} from "@heddle/contracts/customer/v1";
import type {
  Order,
  OrderCancelled,
  OrderConfirmed,
  OrderFulfilled,
  OrderPlaced,
  OrderRejected,
  OrderState,
} from "@heddle/contracts/order/v1";
import { type CustomerOverview, OverviewSource } from "@heddle/contracts/overview/v1";
import type { NumberRegistered, NumberVerified, RecordErased } from "@heddle/contracts/socialsecurity/v1";
import { accountSummary, countOrder, creditScoreSummary, customerSummary, numberSummary } from "./parts.ts";
import type { View } from "./view.ts";

type CustomerEvent = CustomerCreated | CustomerUpdated | CustomerDeleted | CustomerUndeleted;
type NumberEvent = NumberRegistered | NumberVerified | RecordErased;
type AccountEvent =
  | AccountOpened
  | CreditLimitChanged
  | PaymentAuthorized
  | PaymentCaptured
  | PaymentVoided
  | PaymentExpired
  | PaymentRefunded
  | PaymentRecorded;
type OrderEvent = OrderPlaced | OrderConfirmed | OrderRejected | OrderCancelled | OrderFulfilled;

/** The events that a view is made of. */
export type ViewPayload = CustomerEvent | NumberEvent | CreditScoreComputed | AccountEvent | OrderEvent;

/** What one event does to one view. */
export interface Effect {
  readonly source: OverviewSource;
  readonly customerId: string;
  /** The order that the event is about. */
  readonly orderId?: string;
  /** The part of the overview that is another afterwards, and the state of the order. */
  change(
    view: View,
  ): Partial<CustomerOverview> & { readonly orderState?: readonly [orderId: string, state: OrderState] };
}

/** Says whom an event is about and what it changes. Throws TypeError for an event that lacks what it is about. */
export const effectOf = (payload: ViewPayload, createTime: Timestamp): Effect => {
  switch (payload.$typeName) {
    case "customer.v1.CustomerCreated":
    case "customer.v1.CustomerUpdated":
    case "customer.v1.CustomerDeleted":
    case "customer.v1.CustomerUndeleted":
      return ofCustomer(there(payload.customer, payload));
    case "socialsecurity.v1.NumberRegistered":
    case "socialsecurity.v1.NumberVerified":
    case "socialsecurity.v1.RecordErased":
      return ofNumber(payload, createTime);
    case "creditscore.v2.CreditScoreComputed": {
      const score = there(payload.creditScore, payload);
      const creditScore = creditScoreSummary(score);
      return { source: OverviewSource.CREDITSCORE, customerId: score.customerId, change: () => ({ creditScore }) };
    }
    case "billing.v1.AccountOpened":
    case "billing.v1.CreditLimitChanged":
    case "billing.v1.PaymentAuthorized":
    case "billing.v1.PaymentCaptured":
    case "billing.v1.PaymentVoided":
    case "billing.v1.PaymentExpired":
    case "billing.v1.PaymentRefunded":
    case "billing.v1.PaymentRecorded":
      return ofAccount(there(payload.account, payload));
    case "order.v1.OrderPlaced":
    case "order.v1.OrderConfirmed":
    case "order.v1.OrderRejected":
    case "order.v1.OrderCancelled":
    case "order.v1.OrderFulfilled":
      return ofOrder(there(payload.order, payload));
  }
};

const ofCustomer = (customer: Customer): Effect => ({
  source: OverviewSource.CUSTOMER,
  customerId: customer.id,
  change: () => ({ customer: customerSummary(customer) }),
});

const ofNumber = (event: NumberEvent, createTime: Timestamp): Effect => ({
  source: OverviewSource.SOCIALSECURITY,
  customerId: event.customerId,
  change: ({ overview }) => ({ number: numberSummary(event.state, verifyTimeAfter(event, createTime, overview)) }),
});

/** A number that is registered anew was not verified; one that is erased had been, or not. */
const verifyTimeAfter = (
  { $typeName }: NumberEvent,
  createTime: Timestamp,
  { number }: CustomerOverview,
): Timestamp | undefined => {
  if ($typeName === "socialsecurity.v1.NumberVerified") return createTime;
  return $typeName === "socialsecurity.v1.RecordErased" ? number?.verifyTime : undefined;
};

const ofAccount = (account: Account): Effect => ({
  source: OverviewSource.BILLING,
  customerId: account.customerId,
  change: () => ({ account: accountSummary(account) }),
});

const ofOrder = (order: Order): Effect => ({
  source: OverviewSource.ORDER,
  customerId: order.customerId,
  orderId: order.id,
  change: ({ overview, orderStates }) => ({
    orders: countOrder(overview.orders, order, orderStates.get(order.id)),
    orderState: [order.id, order.state],
  }),
});

const there = <T>(value: T | undefined, { $typeName }: ViewPayload): T => {
  if (value === undefined) throw new TypeError(`${$typeName} does not say what it is about`);
  return value;
};
