import { Code } from "@connectrpc/connect";
import { reasons } from "@heddle/mesh/contract";

const reason = reasons("customer.v1");

export const CUSTOMER_NOT_FOUND = reason("CUSTOMER_NOT_FOUND", Code.NotFound, "Customer {customerId} does not exist.");
export const CUSTOMER_DELETED = reason(
  "CUSTOMER_DELETED",
  Code.FailedPrecondition,
  "Customer {customerId} is deleted.",
);
export const CUSTOMER_EMAIL_TAKEN = reason(
  "CUSTOMER_EMAIL_TAKEN",
  Code.AlreadyExists,
  "Another customer has this e-mail address.",
);
export const CUSTOMER_FIELD_REQUIRED = reason(
  "CUSTOMER_FIELD_REQUIRED",
  Code.InvalidArgument,
  "{field} must not become empty.",
);
export const BIRTH_DATE_INVALID = reason("BIRTH_DATE_INVALID", Code.InvalidArgument, "The birth date {why}.");
