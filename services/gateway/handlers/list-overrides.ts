import { type ContractService, ListOverridesRequestSchema } from "@heddle/contracts/heddle/contract/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Clock } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { OverrideStore } from "../store/override-store.ts";
import { RECORD_PAGE_SIZES } from "./page-sizes.ts";

/** Lists overrides, latest first. */
export const listOverrides =
  (deps: {
    store: Store;
    overrides: OverrideStore;
    clock: Clock;
  }): Handler<typeof ContractService.method.listOverrides> =>
  async (request) => {
    const { store, overrides, clock } = deps;
    const { size, after } = pageOf(ListOverridesRequestSchema, request, RECORD_PAGE_SIZES);
    const before = after === undefined ? Number.MAX_SAFE_INTEGER : Number(after[0]);
    const rows = await store.read((reader) =>
      overrides.list(reader, { package: request.package, before, limit: size + 1 }, clock.nowMs()),
    );
    const { items, last } = takePage(rows, size);
    return {
      overrides: items.map(({ override }) => override),
      nextPageToken: last ? nextPageToken(ListOverridesRequestSchema, request, [String(last.sequence)]) : "",
    };
  };
