import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Action, Rule, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { fail } from "@heddle/mesh/contract";
import { ANONYMOUS } from "@heddle/mesh/identity";
import type { Logger } from "@heddle/mesh/observe";
import { currentCall, type Handler } from "@heddle/mesh/rpc";
import type { Clock, Ids } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import { FAULT_LIFETIME_TOO_LONG, RULES_FULL, RULES_OVERLAP, TARGET_IS_GATEWAY } from "../errors.ts";
import type { Catalog } from "../registry/catalog.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { RuleStore } from "../store/rule-store.ts";
import type { RuleBook } from "../traffic/rule-book.ts";
import { ruleSlot } from "../traffic/rule-slot.ts";
import { knownTargets, targetNotFound } from "../traffic/target-not-found.ts";

/** Milliseconds that a fault lasts where the request does not say: one that is forgotten is over before anybody looks for it. */
const FAULT_LIFETIME_MS = 10 * 60_000;
const FAULT_LIFETIME_MS_MAX = 24 * 60 * 60_000;
/** Rules at once: each is looked at when a caller comes with new headers, and is something that somebody must have in mind. */
const ACTIVE_MAX = 200;

/** Puts rules in force, all or none. The same request_id returns the rules that its first call made. */
export const createRules =
  (deps: {
    store: Store;
    rules: RuleStore;
    ruleBook: RuleBook;
    contracts: Contracts;
    catalog: Pick<Catalog, "isOwn">;
    clock: Clock;
    ids: Ids;
    log: Logger;
  }): Handler<typeof TrafficService.method.createRules> =>
  async ({ actions, reason, lifetime }) => {
    const { store, rules, ruleBook, clock, ids, log } = deps;
    const nowMs = clock.nowMs();
    const creator = (currentCall()?.caller ?? ANONYMOUS).id;
    const askedMs = lifetime && durationMs(lifetime);
    checkSlots(actions);
    for (const target of actions.flatMap(targetsOf)) checkTarget(target, deps);
    const reply = await store.write(async (tx) => {
      const made: Rule[] = [];
      for (const action of actions) {
        const id = ids.next("rul");
        const lifetimeMs = lifetimeOf(action, askedMs);
        const expireTimeMs = lifetimeMs === undefined ? undefined : nowMs + lifetimeMs;
        await rules.insert(tx, { id, action, reason, creator, expireTimeMs }, nowMs);
        const rule = await rules.byId(tx, id, nowMs);
        if (rule !== undefined) made.push(rule);
      }
      const active = await rules.active(tx, nowMs);
      if (active.length > ACTIVE_MAX) throw fail(RULES_FULL, { rules: ACTIVE_MAX });
      return { rules: made };
    });
    await ruleBook.refresh();
    for (const { id, action } of reply.rules) {
      log.warn({ ruleId: id, kind: action?.kind.case, reason, creator }, "traffic rule made");
    }
    return reply;
  };

/** @throws ConnectError when one of the rules would replace another of the same request. */
const checkSlots = (actions: readonly Action[]): void => {
  const taken = new Set<string>();
  for (const { slot } of actions.map(ruleSlot)) {
    if (slot !== "" && taken.has(slot)) throw fail(RULES_OVERLAP, { slot });
    taken.add(slot);
  }
};

const lifetimeOf = ({ kind }: Action, askedMs: number | undefined): number | undefined => {
  if (kind.case !== "fault") return askedMs;
  const lifetimeMs = askedMs ?? FAULT_LIFETIME_MS;
  if (lifetimeMs > FAULT_LIFETIME_MS_MAX) throw fail(FAULT_LIFETIME_TOO_LONG, {});
  return lifetimeMs;
};

/** The methods, and services by their full names, that a rule names. */
const targetsOf = ({ kind }: Action): readonly string[] => {
  if (kind.case === "fault") return [kind.value.target];
  return kind.case === "mirror" ? kind.value.methods : [];
};

/** @throws ConnectError when a rule names what no contract has, or what the gateway serves itself. */
const checkTarget = (
  target: string,
  { contracts, catalog }: { contracts: Contracts; catalog: Pick<Catalog, "isOwn"> },
): void => {
  const [service = ""] = target.split("/");
  if (catalog.isOwn(service)) throw fail(TARGET_IS_GATEWAY, { target });
  if (!knownTargets(contracts).includes(target)) throw targetNotFound(target, contracts);
};
