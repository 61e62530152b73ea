import type { Client } from "@connectrpc/connect";
import type { BillingService } from "@heddle/contracts/billing/v1";
import type { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import type { CustomerService } from "@heddle/contracts/customer/v1";
import type { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import type { Clock, Ids } from "@heddle/mesh/runtime";
import type { SagaDefinition, Sagas } from "@heddle/mesh/saga";
import type { Store } from "@heddle/mesh/store";
import type { Cancellation } from "../sagas/cancel-order.ts";
import type { Fulfilment } from "../sagas/fulfil-order.ts";
import type { Placement } from "../sagas/place-order.ts";
import type { OrderStore } from "../store.ts";

/** What the handlers of this service work with. */
export interface Deps {
  readonly orders: OrderStore;
  readonly store: Store;
  readonly sagas: Sagas;
  readonly placement: SagaDefinition<Placement>;
  readonly cancellation: SagaDefinition<Cancellation>;
  readonly fulfilment: SagaDefinition<Fulfilment>;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** The services that an order is checked with and charged by. */
export interface Owners {
  readonly customer: Client<typeof CustomerService>;
  readonly socialSecurity: Client<typeof SocialSecurityService>;
  readonly creditScore: Client<typeof CreditScoreService>;
  readonly billing: Client<typeof BillingService>;
}
