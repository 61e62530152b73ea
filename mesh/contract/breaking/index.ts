export {
  ADMISSION_RULES,
  ADMISSION_VIOLATIONS_MAX,
  type CompareOptions,
  type ContractViolation,
  compareContracts,
  violationsOf,
} from "./compare-contracts.ts";
export { CATEGORIES, type Category, contractRules, RULE_IDS, type RuleId } from "./rule-table.ts";
