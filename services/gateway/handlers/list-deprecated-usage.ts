import type { DescMethod } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ListDeprecatedUsageRequestSchema, type UsageService } from "@heddle/contracts/heddle/usage/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Store } from "@heddle/mesh/store";
import type { Contracts } from "../registry/contracts.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { callersIn, searchOf } from "../usage/deprecated-callers.ts";
import { type DeprecatedElement, deprecatedElements } from "../usage/deprecated-elements.ts";
import { count, sinceDayOf } from "../usage/messages.ts";
import type { Usage } from "../usage/usage.ts";
import type { CallerRow } from "../usage/usage-rows.ts";

const PAGE_SIZES = { defaultSize: 50, maxSize: 200 } as const;
/** Callers that are listed of one element, as the contract has it. */
const CALLERS_MAX = 100;

interface Deps {
  readonly store: Store;
  readonly usage: UsageStore;
  readonly counting: Pick<Usage, "flush" | "deprecations">;
  readonly contracts: Pick<Contracts, "packages">;
}

/** Lists what is deprecated, by name, with those who still use it. */
export const listDeprecatedUsage =
  (deps: Deps): Handler<typeof UsageService.method.listDeprecatedUsage> =>
  async (request) => {
    const { size, after } = pageOf(ListDeprecatedUsageRequestSchema, request, PAGE_SIZES);
    const [afterName = ""] = after ?? [];
    const packages = deps.contracts.packages();
    const methods = packages.flatMap(({ services }) => services.flatMap((service) => service.methods));
    const following = packages
      .filter(({ name }) => request.package === "" || name === request.package)
      .flatMap(deprecatedElements)
      .filter(({ name }) => name > afterName)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const { items, last } = takePage(following, size);
    await deps.counting.flush();
    const sinceDay = sinceDayOf(request.since);
    const elements = [];
    for (const element of items) elements.push(await usageOf(element, methods, sinceDay, deps));
    return {
      elements,
      nextPageToken: last ? nextPageToken(ListDeprecatedUsageRequestSchema, request, [last.name]) : "",
    };
  };

const usageOf = async (
  element: DeprecatedElement,
  all: readonly DescMethod[],
  sinceDay: number,
  { store, usage, counting }: Deps,
) => {
  const search = searchOf(element, all);
  const rows: CallerRow[] = [];
  for (const method of search.methods) {
    // Each by itself, so that calls pass between.
    rows.push(...(await store.read((reader) => usage.listCallers(reader, method, search.field, sinceDay))));
  }
  const callers = callersIn(rows, search);
  return {
    element: element.name,
    kind: element.kind,
    deprecateTime: timestampFromMs(counting.deprecations.since(element.name)),
    sunset: element.sunset,
    evidence: search.evidence,
    callers: callers.slice(0, CALLERS_MAX).map(({ consumer, calls, samplesWithField, lastTimeMs }) => ({
      consumer,
      calls: count(calls),
      samplesWithField: count(samplesWithField),
      lastTime: timestampFromMs(lastTimeMs),
    })),
    callerCount: callers.length,
  };
};
