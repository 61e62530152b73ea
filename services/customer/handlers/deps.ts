import type { Clock, Ids } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { CustomerStore } from "../store.ts";

/** What the handlers of this service work with. */
export interface Deps {
  readonly customers: CustomerStore;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}
