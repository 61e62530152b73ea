import { ListRulesRequestSchema, type TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Clock } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { RuleStore } from "../store/rule-store.ts";
import { RECORD_PAGE_SIZES } from "./page-sizes.ts";

/** Lists traffic rules, latest first. */
export const listRules =
  (deps: { store: Store; rules: RuleStore; clock: Clock }): Handler<typeof TrafficService.method.listRules> =>
  async (request) => {
    const { store, rules, clock } = deps;
    const { size, after } = pageOf(ListRulesRequestSchema, request, RECORD_PAGE_SIZES);
    const before = after === undefined ? Number.MAX_SAFE_INTEGER : Number(after[0]);
    const { active } = request;
    const rows = await store.read((reader) => rules.list(reader, { active, before, limit: size + 1 }, clock.nowMs()));
    const { items, last } = takePage(rows, size);
    return {
      rules: items.map(({ rule }) => rule),
      nextPageToken: last ? nextPageToken(ListRulesRequestSchema, request, [String(last.sequence)]) : "",
    };
  };
