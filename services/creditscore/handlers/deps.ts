import type { Clock, Ids } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { CreditScoreStore } from "../store.ts";

/** What the handlers of this service work with, whatever version they answer. */
export interface Deps {
  readonly scores: CreditScoreStore;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** The page sizes of every list of this service. */
export const PAGE_SIZES = { defaultSize: 50, maxSize: 500 } as const;
