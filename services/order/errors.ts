import { Code } from "@connectrpc/connect";
import { reasons } from "@heddle/mesh/contract";

const reason = reasons("order.v1");

export const ORDER_NOT_FOUND = reason("ORDER_NOT_FOUND", Code.NotFound, "Order {orderId} does not exist.");
export const ORDER_TRANSITION_ILLEGAL = reason(
  "ORDER_TRANSITION_ILLEGAL",
  Code.FailedPrecondition,
  "Order {orderId} is {state}: {verb} is not possible.",
);
export const AUTHORIZATION_NOT_CAPTURABLE = reason(
  "AUTHORIZATION_NOT_CAPTURABLE",
  Code.FailedPrecondition,
  "Authorization {authorizationId} of order {orderId} holds nothing any more: it cannot be charged.",
);
export const ORDER_CURRENCIES_MIXED = reason(
  "ORDER_CURRENCIES_MIXED",
  Code.InvalidArgument,
  "The lines are in {first} and {other}: an order has one currency.",
);
export const ORDER_TOTAL_ZERO = reason("ORDER_TOTAL_ZERO", Code.InvalidArgument, "The total is zero.");
export const ORDER_TOTAL_TOO_LARGE = reason(
  "ORDER_TOTAL_TOO_LARGE",
  Code.InvalidArgument,
  "The total of {total} minor units is more than the {totalMax} that an order may have.",
);
export const ORDER_CHANGE_UNDER_WAY = reason(
  "ORDER_CHANGE_UNDER_WAY",
  Code.Unavailable,
  "Billing has not answered in time: the {verb} of order {orderId} goes on without this call. Watch the order, or ask again.",
);
