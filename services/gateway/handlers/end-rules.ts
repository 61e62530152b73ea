import { type Rule, RuleState, type TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { fail } from "@heddle/mesh/contract";
import { ANONYMOUS } from "@heddle/mesh/identity";
import type { Logger } from "@heddle/mesh/observe";
import { currentCall, type Handler } from "@heddle/mesh/rpc";
import type { Clock } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import { RULE_NOT_FOUND } from "../errors.ts";
import type { RuleStore } from "../store/rule-store.ts";
import type { RuleBook } from "../traffic/rule-book.ts";

/** Ends rules at once, all or none. */
export const endRules =
  (deps: {
    store: Store;
    rules: RuleStore;
    ruleBook: RuleBook;
    clock: Clock;
    log: Logger;
  }): Handler<typeof TrafficService.method.endRules> =>
  async ({ ruleIds, service }) => {
    const { store, rules, ruleBook, clock, log } = deps;
    const nowMs = clock.nowMs();
    const ender = (currentCall()?.caller ?? ANONYMOUS).id;
    const { meant, ended } = await store.write(async (tx) => {
      const named = await Promise.all(
        ruleIds.map(async (ruleId) => {
          const rule = await rules.byId(tx, ruleId, nowMs);
          if (rule === undefined) throw fail(RULE_NOT_FOUND, { ruleId });
          return rule;
        }),
      );
      const ofService = service === "" ? [] : await rules.activeOf(tx, service, nowMs);
      const before = new Map([...named, ...ofService].map((rule) => [rule.id, rule]));
      const meant: Rule[] = [];
      for (const id of before.keys()) {
        await rules.end(tx, id, ender, nowMs);
        const rule = await rules.byId(tx, id, nowMs);
        if (rule !== undefined) meant.push(rule);
      }
      return { meant, ended: meant.filter(({ id }) => before.get(id)?.state === RuleState.ACTIVE) };
    });
    await ruleBook.refresh();
    for (const { id, action } of ended) log.warn({ ruleId: id, kind: action?.kind.case, ender }, "traffic rule ended");
    return { rules: meant };
  };
