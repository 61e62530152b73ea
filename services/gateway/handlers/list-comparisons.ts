import { ListComparisonsRequestSchema, type TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Mirrors } from "../mirror/mirrors.ts";
import { RECORD_PAGE_SIZES } from "./page-sizes.ts";

/** Tells how mirrored versions answer, by service, method and version. */
export const listComparisons =
  ({
    mirrors: { comparisons },
  }: {
    mirrors: Pick<Mirrors, "comparisons">;
  }): Handler<typeof TrafficService.method.listComparisons> =>
  (request) => {
    const { size, after } = pageOf(ListComparisonsRequestSchema, request, RECORD_PAGE_SIZES);
    const [begin] = after ?? [];
    const keyed = comparisons
      .list(request.service)
      .map((comparison) => ({ key: `${comparison.service} ${comparison.method} ${comparison.version}`, comparison }));
    const { items, last } = takePage(
      keyed.filter(({ key }) => begin === undefined || key > begin),
      size,
    );
    return {
      comparisons: items.map(({ comparison }) => comparison),
      nextPageToken: last ? nextPageToken(ListComparisonsRequestSchema, request, [last.key]) : "",
    };
  };
