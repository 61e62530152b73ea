import { ListCustomerOverviewsRequestSchema, type OverviewService } from "@heddle/contracts/overview/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import { viewGeneration } from "@heddle/mesh/events";
import type { Handler } from "@heddle/mesh/rpc";
import { VIEW_NAME } from "../customer-view.ts";
import type { Deps } from "./deps.ts";

const PAGE_SIZES = { defaultSize: 50, maxSize: 500 } as const;

/** Lists the views in the order of their customers' ids. */
export const listCustomerOverviews =
  ({ views, store }: Pick<Deps, "views" | "store">): Handler<typeof OverviewService.method.listCustomerOverviews> =>
  async (request) => {
    const { size, after } = pageOf(ListCustomerOverviewsRequestSchema, request, PAGE_SIZES);
    const rows = await store.read(async (reader) => {
      const generation = await viewGeneration(reader, VIEW_NAME);
      return views.list(reader, { generation, afterId: after?.[0] ?? "", limit: size + 1 });
    });
    const { items, last } = takePage(rows, size);
    return {
      customerOverviews: items,
      nextPageToken: last ? nextPageToken(ListCustomerOverviewsRequestSchema, request, [last.customerId]) : "",
    };
  };
