import type { Client } from "@connectrpc/connect";
import type { BillingService } from "@heddle/contracts/billing/v1";
import type { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import type { CustomerService } from "@heddle/contracts/customer/v1";
import type { OrderService } from "@heddle/contracts/order/v1";
import type { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import type { Logger } from "@heddle/mesh/observe";
import type { Clock, Ids } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { ViewStore } from "../store.ts";

/** What the handlers of this service work with. */
export interface Deps {
  readonly views: ViewStore;
  readonly store: Store;
  readonly owners: Owners;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
}

/** The services that own what an overview shows. */
export interface Owners {
  readonly customer: Client<typeof CustomerService>;
  readonly socialSecurity: Client<typeof SocialSecurityService>;
  readonly creditScore: Client<typeof CreditScoreService>;
  readonly billing: Client<typeof BillingService>;
  readonly order: Client<typeof OrderService>;
}
