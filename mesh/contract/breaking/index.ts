export {
  ADMISSION_RULES,
  type CompareOptions,
  type ContractViolation,
  compareContracts,
} from "./compare-contracts.ts";
export { CATEGORIES, type Category, contractRules, RULE_IDS, type RuleId } from "./rule-table.ts";
