import type { OverviewService } from "@heddle/contracts/overview/v1";
import type { Handler } from "@heddle/mesh/rpc";
import { compose } from "../compose.ts";
import type { Deps } from "./deps.ts";

/** Asks all services at once, and puts together what came in time. */
export const composeCustomerOverview =
  (deps: Deps): Handler<typeof OverviewService.method.composeCustomerOverview> =>
  async ({ customerId }) => ({ customerOverview: await compose(deps, customerId) });
