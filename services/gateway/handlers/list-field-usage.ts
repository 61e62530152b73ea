import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ListFieldUsageRequestSchema, type UsageService } from "@heddle/contracts/heddle/usage/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Store } from "@heddle/mesh/store";
import type { Contracts } from "../registry/contracts.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { count, sinceDayOf } from "../usage/messages.ts";
import { reachableTypes } from "../usage/reachable-types.ts";
import type { Usage } from "../usage/usage.ts";
import type { FieldRow } from "../usage/usage-rows.ts";
import { PAGE_SIZES } from "./page-sizes.ts";

/** Lists whose requests set which field, by message, number, method, then by consumer. */
export const listFieldUsage =
  (deps: {
    store: Store;
    usage: UsageStore;
    counting: Pick<Usage, "flush">;
    contracts: Pick<Contracts, "method">;
  }): Handler<typeof UsageService.method.listFieldUsage> =>
  async (request) => {
    const { size, after } = pageOf(ListFieldUsageRequestSchema, request, PAGE_SIZES);
    const { message, number, method, consumer, since } = request;
    await deps.counting.flush();
    const rows = await deps.store.read((reader) =>
      deps.usage.listFields(reader, {
        message,
        number,
        method,
        consumer,
        sinceDay: sinceDayOf(since),
        after: after && keyOf(after),
        limit: size + 1,
      }),
    );
    const { items, last } = takePage(rows, size);
    return {
      fields: items.map((row) => ({
        message: row.message,
        number: row.number,
        field: fieldName(row, deps.contracts),
        method: row.method,
        consumer: row.consumer,
        samples: count(row.samples),
        samplesWithField: count(row.samplesWithField),
        lastTime: timestampFromMs(row.lastTimeMs),
      })),
      nextPageToken: last
        ? nextPageToken(ListFieldUsageRequestSchema, request, [
            last.message,
            String(last.number),
            last.method,
            String(last.consumerId),
          ])
        : "",
    };
  };

const keyOf = ([message = "", number, method = "", consumerId]: readonly string[]) => ({
  message,
  number: Number(number),
  method,
  consumerId: Number(consumerId),
});

const fieldName = ({ method, message, number }: FieldRow, contracts: Pick<Contracts, "method">): string => {
  const input = contracts.method(`/${method}`)?.input;
  const type = input && reachableTypes(input).get(message);
  return (type?.kind === "message" && type.fields.find((field) => field.number === number)?.name) || "";
};
