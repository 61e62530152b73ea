import { Code } from "@connectrpc/connect";
import { reasons } from "@heddle/mesh/contract";

const reason = reasons("overview.v1");

export const CUSTOMER_NOT_FOUND = reason("CUSTOMER_NOT_FOUND", Code.NotFound, "Customer {customerId} does not exist.");
export const CUSTOMER_OVERVIEW_NOT_FOUND = reason(
  "CUSTOMER_OVERVIEW_NOT_FOUND",
  Code.NotFound,
  "No event has named customer {customerId} yet, so that the view does not know it. ComposeCustomerOverview asks the services themselves.",
);
