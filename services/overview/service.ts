import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { OverviewService } from "@heddle/contracts/overview/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService } from "@heddle/mesh/service";
import { customerView } from "./customer-view.ts";
import { checkCustomerOverview } from "./handlers/check-customer-overview.ts";
import { composeCustomerOverview } from "./handlers/compose-customer-overview.ts";
import { getCustomerOverview } from "./handlers/get-customer-overview.ts";
import { listCustomerOverviews } from "./handlers/list-customer-overviews.ts";
import manifest from "./package.json" with { type: "json" };
import { viewStore } from "./store.ts";

export const overview = defineService({
  name: "overview",
  version: manifest.version,
  migrations: new URL("./migrations/", import.meta.url),
  implement({ store, client, clock, ids, log }) {
    const owners = {
      customer: client(CustomerService),
      socialSecurity: client(SocialSecurityService),
      creditScore: client(CreditScoreService),
      billing: client(BillingService),
      order: client(OrderService),
    };
    const deps = { views: viewStore(), store, owners, clock, ids, log };
    return {
      implementations: [
        implementation(OverviewService, {
          getCustomerOverview: getCustomerOverview(deps),
          composeCustomerOverview: composeCustomerOverview(deps),
          checkCustomerOverview: checkCustomerOverview(deps),
          listCustomerOverviews: listCustomerOverviews(deps),
        }),
      ],
      views: [customerView(deps.views)],
    };
  },
});
