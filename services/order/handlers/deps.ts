import type { Client } from "@connectrpc/connect";
import type { BillingService } from "@heddle/contracts/billing/v1";
import type { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import type { CustomerService } from "@heddle/contracts/customer/v1";
import type { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import type { Logger } from "@heddle/mesh/observe";
import type { Clock, Ids, Timers } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { Attempt } from "../attempt.ts";
import type { OrderNotifier } from "../order-notifier.ts";
import type { Payment } from "../payment.ts";
import type { OrderStore } from "../store.ts";

/** What the handlers of this service work with. */
export interface Deps {
  readonly orders: OrderStore;
  readonly store: Store;
  readonly owners: Owners;
  /** Asks one of them. */
  readonly attempt: Attempt;
  readonly payment: Payment;
  readonly notifier: OrderNotifier;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Logger;
}

/** The services that an order is checked with and charged by. */
export interface Owners {
  readonly customer: Client<typeof CustomerService>;
  readonly socialSecurity: Client<typeof SocialSecurityService>;
  readonly creditScore: Client<typeof CreditScoreService>;
  readonly billing: Client<typeof BillingService>;
}
