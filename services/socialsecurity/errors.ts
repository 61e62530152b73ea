import { Code } from "@connectrpc/connect";
import { reasons } from "@heddle/mesh/contract";

// No message and no metadata of this service ever holds a number, nor tells whose it is.
const reason = reasons("socialsecurity.v1");

export const RECORD_NOT_FOUND = reason(
  "RECORD_NOT_FOUND",
  Code.NotFound,
  "Customer {customerId} has no social security record.",
);
export const RECORD_ALREADY_EXISTS = reason(
  "RECORD_ALREADY_EXISTS",
  Code.AlreadyExists,
  "Customer {customerId} has another number; it must be erased before a new one is registered.",
);
export const RECORD_ERASED = reason(
  "RECORD_ERASED",
  Code.FailedPrecondition,
  "The number of customer {customerId} is erased.",
);
export const CUSTOMER_DELETED = reason(
  "CUSTOMER_DELETED",
  Code.FailedPrecondition,
  "Customer {customerId} is deleted; undelete it before a number is registered.",
);
export const NUMBER_ALREADY_REGISTERED = reason(
  "NUMBER_ALREADY_REGISTERED",
  Code.AlreadyExists,
  "Another customer has this number.",
);
export const NUMBER_NEVER_ISSUED = reason(
  "NUMBER_NEVER_ISSUED",
  Code.InvalidArgument,
  "The number is never issued: {problem}.",
);
export const MISMATCHES_EXHAUSTED = reason(
  "MISMATCHES_EXHAUSTED",
  Code.ResourceExhausted,
  "Too many wrong numbers were compared with that of customer {customerId}. Try again in {retrySeconds} seconds.",
);
export const REASON_HOLDS_NUMBER = reason(
  "REASON_HOLDS_NUMBER",
  Code.InvalidArgument,
  "The reason is kept in plain text for good and must not hold nine digits that could be a social security number.",
);
