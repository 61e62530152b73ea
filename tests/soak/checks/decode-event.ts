import { fromBinary } from "@bufbuild/protobuf";
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
import { NumberRegisteredSchema, NumberVerifiedSchema, RecordErasedSchema } from "@heddle/contracts/socialsecurity/v1";
import type { EventRow } from "../stores.ts";

const ABOUT_CUSTOMERS = [CustomerCreatedSchema, CustomerUpdatedSchema, CustomerDeletedSchema, CustomerUndeletedSchema];
const ABOUT_NUMBERS = [NumberRegisteredSchema, NumberVerifiedSchema, RecordErasedSchema];
const ABOUT_ACCOUNTS = [
  AccountOpenedSchema,
  CreditLimitChangedSchema,
  PaymentAuthorizedSchema,
  PaymentCapturedSchema,
  PaymentExpiredSchema,
  PaymentRecordedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
];
const ABOUT_ORDERS = [
  OrderPlacedSchema,
  OrderConfirmedSchema,
  OrderRejectedSchema,
  OrderCancelledSchema,
  OrderFulfilledSchema,
];

/** What the event tells of a customer; undefined when it is about something else. So are the others. */
export const customerIn = (event: EventRow) => decoded(ABOUT_CUSTOMERS, event)?.customer;
export const numberIn = (event: EventRow) => decoded(ABOUT_NUMBERS, event);
export const accountIn = (event: EventRow) => decoded(ABOUT_ACCOUNTS, event)?.account;
export const orderIn = (event: EventRow) => decoded(ABOUT_ORDERS, event)?.order;
export const scoreIn = (event: EventRow) => decoded([CreditScoreComputedSchema], event)?.creditScore;

const decoded = <D extends (typeof ANY)[number]>(among: readonly D[], { type, payload }: EventRow) => {
  const desc = among.find(({ typeName }) => typeName === type);
  return desc && fromBinary(desc, payload);
};

const ANY = [...ABOUT_CUSTOMERS, ...ABOUT_NUMBERS, ...ABOUT_ACCOUNTS, ...ABOUT_ORDERS, CreditScoreComputedSchema];
