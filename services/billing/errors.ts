import { Code } from "@connectrpc/connect";
import { reasons } from "@heddle/mesh/contract";

const reason = reasons("billing.v1");

export const ACCOUNT_NOT_FOUND = reason("ACCOUNT_NOT_FOUND", Code.NotFound, "Account {accountId} does not exist.");
/** The same failure where the account was looked for by its customer. */
export const CUSTOMER_WITHOUT_ACCOUNT = reason(
  "ACCOUNT_NOT_FOUND",
  Code.NotFound,
  "Customer {customerId} has no account.",
);
export const ACCOUNT_ALREADY_EXISTS = reason(
  "ACCOUNT_ALREADY_EXISTS",
  Code.AlreadyExists,
  "Customer {customerId} has an account already.",
);
export const CURRENCY_MISMATCH = reason(
  "CURRENCY_MISMATCH",
  Code.InvalidArgument,
  "The amount is in {currencyCode}, the account in {accountCurrencyCode}.",
);
/** The same failure where the caller need not know the account: AuthorizePayment finds it by its customer. */
export const PAYER_CURRENCY_MISMATCH = reason(
  "CURRENCY_MISMATCH",
  Code.FailedPrecondition,
  "The amount is in {currencyCode}, the payer's account in {accountCurrencyCode}.",
);
export const CREDIT_LIMIT_EXCEEDED = reason(
  "CREDIT_LIMIT_EXCEEDED",
  Code.FailedPrecondition,
  "{amount} minor units of {currencyCode} are more than the {available} that account {accountId} has available.",
);
export const BALANCE_OUT_OF_RANGE = reason(
  "BALANCE_OUT_OF_RANGE",
  Code.FailedPrecondition,
  "The credit of account {accountId} would grow past {minorUnitsMax} minor units.",
);
export const REFERENCE_ALREADY_AUTHORIZED = reason(
  "REFERENCE_ALREADY_AUTHORIZED",
  Code.AlreadyExists,
  "Authorization {authorizationId} has the reference {reference} already.",
);
export const REFERENCE_VOIDED = reason(
  "REFERENCE_VOIDED",
  Code.FailedPrecondition,
  "Nothing can be authorized for the reference {reference} any more: it was given up.",
);
export const AUTHORIZATION_NOT_FOUND = reason(
  "AUTHORIZATION_NOT_FOUND",
  Code.NotFound,
  "Authorization {authorizationId} does not exist.",
);
export const AUTHORIZATION_NOT_CAPTURABLE = reason(
  "AUTHORIZATION_NOT_CAPTURABLE",
  Code.FailedPrecondition,
  "Authorization {authorizationId} is {state} and cannot be captured with this amount.",
);
export const AUTHORIZATION_NOT_VOIDABLE = reason(
  "AUTHORIZATION_NOT_VOIDABLE",
  Code.FailedPrecondition,
  "Authorization {authorizationId} is {state} and cannot be voided.",
);
export const AUTHORIZATION_NOT_REFUNDABLE = reason(
  "AUTHORIZATION_NOT_REFUNDABLE",
  Code.FailedPrecondition,
  "Authorization {authorizationId} is {state}: nothing is left to refund.",
);
export const CAPTURE_TOO_LARGE = reason(
  "CAPTURE_TOO_LARGE",
  Code.InvalidArgument,
  "{amount} minor units are more than the {authorized} that authorization {authorizationId} holds.",
);
export const REFUND_TOO_LARGE = reason(
  "REFUND_TOO_LARGE",
  Code.InvalidArgument,
  "{amount} minor units are more than the {left} that are left to refund of authorization {authorizationId}.",
);
