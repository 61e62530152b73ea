import type { Store } from "@heddle/mesh/store";
import type { Callers, CallerUse } from "../admission/callers.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { DAY_MS } from "./limits.ts";
import { reachableTypes } from "./reachable-types.ts";
import type { Usage } from "./usage.ts";
import type { CallerRow } from "./usage-rows.ts";

interface Deps {
  readonly store: Store;
  readonly usage: UsageStore;
  readonly counting: Pick<Usage, "flush">;
  readonly contracts: Pick<Contracts, "method">;
}

/** Who called what, from the record of usage. The day that holds `sinceMs` counts as a whole. */
export const usageCallers = ({ store, usage, counting, contracts }: Deps): Callers => ({
  async of({ methods, field }, sinceMs) {
    await counting.flush();
    const sinceDay = Math.floor(sinceMs / DAY_MS);
    const found: CallerUse[] = [];
    for (const method of new Set(methods)) {
      // Each by itself, so that calls pass between.
      const rows = await store.read((reader) => usage.listCallers(reader, method, field, sinceDay));
      const input = contracts.method(`/${method}`)?.input;
      const isInRequest = field !== undefined && input !== undefined && reachableTypes(input).has(field.message);
      for (const row of rows) found.push(useOf(method, row, isInRequest));
    }
    return found.sort((a, b) => b.lastTimeMs - a.lastTimeMs);
  },
});

const useOf = (method: string, row: CallerRow, isInRequest: boolean): CallerUse => ({
  consumer: row.consumer.name,
  consumerVersion: row.consumer.version,
  method,
  calls: row.calls,
  lastTimeMs: row.lastTimeMs,
  // Whether a consumer looks at a field of a reply cannot be seen.
  setsField: row.samplesWithField > 0 ? true : isInRequest && row.samples > 0 ? false : undefined,
});
