import type { Clock } from "@heddle/mesh/runtime";
import type { Owners } from "../handlers/deps.ts";
import type { Payment } from "../payment.ts";
import type { OrderStore } from "../store.ts";

/** What the sagas of this service work with. */
export interface SagaDeps {
  readonly orders: OrderStore;
  readonly owners: Owners;
  readonly payment: Payment;
  readonly clock: Clock;
}
