import type { OverviewService } from "@heddle/contracts/overview/v1";
import { fail } from "@heddle/mesh/contract";
import { viewGeneration } from "@heddle/mesh/events";
import type { Handler } from "@heddle/mesh/rpc";
import { VIEW_NAME } from "../customer-view.ts";
import { CUSTOMER_OVERVIEW_NOT_FOUND } from "../errors.ts";
import type { Deps } from "./deps.ts";

/** Returns the view of one customer. Asks nobody. */
export const getCustomerOverview =
  ({ views, store }: Pick<Deps, "views" | "store">): Handler<typeof OverviewService.method.getCustomerOverview> =>
  async ({ customerId }) => {
    const customerOverview = await store.read(async (reader) =>
      views.find(reader, await viewGeneration(reader, VIEW_NAME), customerId),
    );
    if (customerOverview === undefined) throw fail(CUSTOMER_OVERVIEW_NOT_FOUND, { customerId });
    return { customerOverview };
  };
