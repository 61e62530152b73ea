import type { DescMessage } from "@bufbuild/protobuf";
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
import { CreditScoreComputedSchema } from "@heddle/contracts/creditscore/v2";
import {
  CustomerCreatedSchema,
  CustomerDeletedSchema,
  CustomerUndeletedSchema,
  CustomerUpdatedSchema,
} from "@heddle/contracts/customer/v1";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderFulfilledSchema,
  OrderPlacedSchema,
  OrderRejectedSchema,
} from "@heddle/contracts/order/v1";
import {
  AccountSummarySchema,
  CreditScoreSummarySchema,
  CustomerSummarySchema,
  NumberSummarySchema,
  OrderSummarySchema,
  OverviewSource,
} from "@heddle/contracts/overview/v1";
import { NumberRegisteredSchema, NumberVerifiedSchema, RecordErasedSchema } from "@heddle/contracts/socialsecurity/v1";

/** A service that overviews are made of: what it is called where, which part is its, and what it tells of it. */
export interface ViewSource {
  readonly source: OverviewSource;
  /** The service that publishes. */
  readonly from: string;
  /** The part's field of CustomerOverview. */
  readonly field: "customer" | "number" | "creditScore" | "account" | "orders";
  /** The part's message. */
  readonly part: DescMessage;
  readonly events: readonly DescMessage[];
  /** Whether the next part depends on the one before it, which then is read first. */
  readonly buildsOnPart: boolean;
}

/** The sources of an overview, in the order in which it shows them. */
export const SOURCES: readonly ViewSource[] = [
  {
    source: OverviewSource.CUSTOMER,
    from: "customer",
    field: "customer",
    part: CustomerSummarySchema,
    events: [CustomerCreatedSchema, CustomerUpdatedSchema, CustomerDeletedSchema, CustomerUndeletedSchema],
    buildsOnPart: false,
  },
  {
    source: OverviewSource.SOCIALSECURITY,
    from: "socialsecurity",
    field: "number",
    part: NumberSummarySchema,
    events: [NumberRegisteredSchema, NumberVerifiedSchema, RecordErasedSchema],
    buildsOnPart: true,
  },
  {
    source: OverviewSource.CREDITSCORE,
    from: "creditscore",
    field: "creditScore",
    part: CreditScoreSummarySchema,
    events: [CreditScoreComputedSchema],
    buildsOnPart: false,
  },
  {
    source: OverviewSource.BILLING,
    from: "billing",
    field: "account",
    part: AccountSummarySchema,
    events: [
      AccountOpenedSchema,
      CreditLimitChangedSchema,
      PaymentAuthorizedSchema,
      PaymentCapturedSchema,
      PaymentVoidedSchema,
      PaymentExpiredSchema,
      PaymentRefundedSchema,
      PaymentRecordedSchema,
    ],
    buildsOnPart: false,
  },
  {
    source: OverviewSource.ORDER,
    from: "order",
    field: "orders",
    part: OrderSummarySchema,
    events: [OrderPlacedSchema, OrderConfirmedSchema, OrderRejectedSchema, OrderCancelledSchema, OrderFulfilledSchema],
    buildsOnPart: true,
  },
];

/** The source by the name of its service. Throws TypeError for another service. */
export const sourceFrom = (service: string): ViewSource => {
  const source = SOURCES.find(({ from }) => from === service);
  if (source === undefined) throw new TypeError(`no overview is made of what ${service} tells`);
  return source;
};
