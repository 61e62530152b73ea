import type { Clock, Ids } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { AccountStore } from "../store/account-store.ts";
import type { AuthorizationStore } from "../store/authorization-store.ts";
import type { LedgerStore } from "../store/ledger-store.ts";

/** What the handlers of this service work with. */
export interface Deps {
  readonly accounts: AccountStore;
  readonly authorizations: AuthorizationStore;
  readonly ledger: LedgerStore;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}
