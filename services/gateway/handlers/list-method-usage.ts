import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ListMethodUsageRequestSchema, type UsageService } from "@heddle/contracts/heddle/usage/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Store } from "@heddle/mesh/store";
import type { UsageStore } from "../store/usage-store.ts";
import { count, sinceDayOf } from "../usage/messages.ts";
import type { Usage } from "../usage/usage.ts";
import { bothScopes, methodScope, packageScope } from "../usage/usage-rows.ts";
import { PAGE_SIZES } from "./page-sizes.ts";

/** Lists who called which method, by method, then by consumer. */
export const listMethodUsage =
  (deps: {
    store: Store;
    usage: UsageStore;
    counting: Pick<Usage, "flush">;
  }): Handler<typeof UsageService.method.listMethodUsage> =>
  async (request) => {
    const { size, after } = pageOf(ListMethodUsageRequestSchema, request, PAGE_SIZES);
    const [method, consumerId] = after ?? [];
    await deps.counting.flush();
    const rows = await deps.store.read((reader) =>
      deps.usage.listMethods(reader, {
        scope: bothScopes(packageScope(request.package), methodScope(request.method)),
        consumer: request.consumer,
        sinceDay: sinceDayOf(request.since),
        after: method === undefined ? undefined : { method, consumerId: Number(consumerId) },
        limit: size + 1,
      }),
    );
    const { items, last } = takePage(rows, size);
    return {
      methods: items.map((row) => ({
        consumer: row.consumer,
        method: row.method,
        calls: count(row.calls),
        refused: count(row.refused),
        refusals: row.refusals.map(({ reason, calls }) => ({ reason, calls: count(calls) })),
        samples: count(row.samples),
        firstTime: timestampFromMs(row.firstTimeMs),
        lastTime: timestampFromMs(row.lastTimeMs),
      })),
      nextPageToken: last
        ? nextPageToken(ListMethodUsageRequestSchema, request, [last.method, String(last.consumerId)])
        : "",
    };
  };
