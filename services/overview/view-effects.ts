import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type {
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
import type {
  AccountSummary,
  CreditScoreSummary,
  CustomerSummary,
  NumberSummary,
  OrderSummary,
} from "@heddle/contracts/overview/v1";
import type { NumberRegistered, NumberVerified, RecordErased } from "@heddle/contracts/socialsecurity/v1";
import { accountSummary, countOrder, creditScoreSummary, customerSummary, numberSummary } from "./parts.ts";

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

/** What a view shows of one source. */
export type Part = CustomerSummary | NumberSummary | CreditScoreSummary | AccountSummary | OrderSummary;

/** What one event does to the part that its source has in one view. */
export interface Effect {
  readonly customerId: string;
  /** When the event was made, by its owner's clock, in milliseconds since the Unix epoch. */
  readonly timeMs: number;
  /** The order that the event is about. */
  readonly order?: { readonly id: string; readonly state: OrderState };
  /** The part after the event. `orderState`: that of the order before the event, undefined for one that was not named yet. */
  part(before: Part | undefined, orderState: OrderState | undefined): Part;
}

/** Says whom an event is about and what it changes. Throws TypeError for an event that lacks what it is about. */
export const effectOf = (payload: ViewPayload, createTime: Timestamp): Effect => ({
  ...changeOf(payload, createTime),
  timeMs: timestampMs(createTime),
});

type Change = Omit<Effect, "timeMs">;

const changeOf = (payload: ViewPayload, createTime: Timestamp): Change => {
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
      return { customerId: score.customerId, part: () => creditScoreSummary(score) };
    }
    case "billing.v1.AccountOpened":
    case "billing.v1.CreditLimitChanged":
    case "billing.v1.PaymentAuthorized":
    case "billing.v1.PaymentCaptured":
    case "billing.v1.PaymentVoided":
    case "billing.v1.PaymentExpired":
    case "billing.v1.PaymentRefunded":
    case "billing.v1.PaymentRecorded": {
      const account = there(payload.account, payload);
      return { customerId: account.customerId, part: () => accountSummary(account) };
    }
    case "order.v1.OrderPlaced":
    case "order.v1.OrderConfirmed":
    case "order.v1.OrderRejected":
    case "order.v1.OrderCancelled":
    case "order.v1.OrderFulfilled":
      return ofOrder(there(payload.order, payload));
    default:
      throw new TypeError(`no view is made of ${(payload satisfies never as ViewPayload).$typeName}`);
  }
};

const ofCustomer = (customer: Customer): Change => ({
  customerId: customer.id,
  part: () => customerSummary(customer),
});

const ofNumber = (event: NumberEvent, createTime: Timestamp): Change => ({
  customerId: event.customerId,
  part: (before) => numberSummary(event.state, verifyTimeAfter(event, createTime, before as NumberSummary | undefined)),
});

/** Events say when the number was verified, but for those of before they did: then it was verified when the event was made. */
const verifyTimeAfter = (
  event: NumberEvent,
  createTime: Timestamp,
  before: NumberSummary | undefined,
): Timestamp | undefined => {
  switch (event.$typeName) {
    case "socialsecurity.v1.NumberRegistered":
      return undefined;
    case "socialsecurity.v1.NumberVerified":
      return event.verifyTime ?? createTime;
    case "socialsecurity.v1.RecordErased":
      return event.verifyTime ?? before?.verifyTime;
  }
};

const ofOrder = (order: Order): Change => ({
  customerId: order.customerId,
  order: { id: order.id, state: order.state },
  part: (before, orderState) => countOrder(before as OrderSummary | undefined, order, orderState),
});

const there = <T>(value: T | undefined, { $typeName }: ViewPayload): T => {
  if (value === undefined) throw new TypeError(`${$typeName} does not say what it is about`);
  return value;
};
