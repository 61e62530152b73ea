import type { Action } from "@heddle/contracts/heddle/traffic/v1";

/** What a rule has to itself, and whose calls it directs. */
interface RuleSlot {
  /** No two rules in force have the same; empty: it is shared with all. */
  readonly slot: string;
  /** The service, such as `order`; empty for faults. */
  readonly service: string;
}

/** The slot of a rule: the newer of two takes it. */
export const ruleSlot = ({ kind }: Action): RuleSlot => {
  switch (kind.case) {
    case "split":
    case "mirror":
      return { slot: `${kind.case} ${kind.value.service}`, service: kind.value.service };
    case "headerRoute": {
      const { service, header } = kind.value;
      // A name has no blank in it.
      return { slot: `route ${service} ${header?.name} ${header?.value}`, service };
    }
    default:
      return { slot: "", service: "" };
  }
};
