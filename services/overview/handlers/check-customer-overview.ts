import type { OverviewService } from "@heddle/contracts/overview/v1";
import { viewGeneration } from "@heddle/mesh/events";
import type { Handler } from "@heddle/mesh/rpc";
import { compareOverviews } from "../compare-overviews.ts";
import { compose } from "../compose.ts";
import { VIEW_NAME } from "../customer-view.ts";
import { overviewOf } from "../overview-of.ts";
import type { Deps } from "./deps.ts";

/** Composes an overview, and compares the view with it. The view is read last, when it has had the most time to follow. */
export const checkCustomerOverview =
  (deps: Deps): Handler<typeof OverviewService.method.checkCustomerOverview> =>
  async ({ customerId }) => {
    const composed = await compose(deps, customerId);
    const { views, store } = deps;
    const view = await store.read(async (reader) =>
      views.find(reader, await viewGeneration(reader, VIEW_NAME), customerId),
    );
    const { differences, unchecked } = compareOverviews(view ?? overviewOf(customerId, new Map(), new Map()), composed);
    return { agrees: differences.length + unchecked.length === 0, differences, uncheckedSources: unchecked };
  };
