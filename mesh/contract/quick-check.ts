import { type DescField, type DescMessage, getOption, hasOption, type Message, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import {
  type FieldRules,
  FieldRulesSchema,
  field as fieldRules,
  type Int32Rules,
  Int32RulesSchema,
  message as messageRules,
  oneof as oneofRules,
  type StringRules,
  StringRulesSchema,
} from "@heddle/contracts/buf/validate";
import { compilePattern } from "./match-pattern.ts";

/** True for a message that surely keeps its rules; false says nothing. */
export type QuickCheck = (message: Message) => boolean;

/**
 * Compiles the rules that most requests have and no others, lengths and patterns of texts, ranges of numbers, presence, into what
 * finds a good message good in a fraction of the time that protovalidate takes to walk it. Undefined for a message that has others.
 */
export const compileQuickCheck = (schema: DescMessage): QuickCheck | undefined => {
  if (hasOption(schema, messageRules) || schema.oneofs.some((oneof) => hasOption(oneof, oneofRules))) return undefined;
  const checks: FieldCheck[] = [];
  for (const field of schema.fields) {
    const check = fieldCheck(field);
    if (check === undefined) return undefined;
    if (check !== ANYTHING) checks.push(check);
  }
  return (message) => {
    for (const check of checks) if (!check(message as unknown as Values)) return false;
    return true;
  };
};

/** A message's fields by their local names. */
type Values = Readonly<Record<string, unknown>>;
type FieldCheck = (message: Values) => boolean;
type ValueCheck = (value: unknown) => boolean;

const ANYTHING: FieldCheck = () => true;

/** Undefined for a field that has other rules, or may have them further down. */
const fieldCheck = (field: DescField): FieldCheck | undefined => {
  if (!hasOption(field, fieldRules)) {
    const isFlat = field.fieldKind === "scalar" || field.fieldKind === "enum";
    return isFlat || (field.fieldKind === "list" && field.listKind !== "message") ? ANYTHING : undefined;
  }
  if (field.fieldKind !== "scalar" || field.oneof !== undefined) return undefined;
  const rules = getOption(field, fieldRules);
  if (!hasOnly(FieldRulesSchema, rules, ["string", "int32", "required"])) return undefined;
  const isGood = valueCheck(field.scalar, rules);
  if (isGood === undefined) return undefined;
  const { required } = rules;
  const mayBeAbsent = field.presence === FeatureSet_FieldPresence.EXPLICIT && !required;
  const { localName } = field;
  return (message) => {
    const value = message[localName];
    if (value === undefined) return mayBeAbsent;
    return isGood(value) && (!required || (value !== "" && value !== 0));
  };
};

const valueCheck = (scalar: ScalarType, { type }: FieldRules): ValueCheck | undefined => {
  if (type.case === "string" && scalar === ScalarType.STRING) return textCheck(type.value);
  if (type.case === "int32" && scalar === ScalarType.INT32) return numberCheck(type.value);
  return undefined;
};

const textCheck = (rules: StringRules): ValueCheck | undefined => {
  if (!hasOnly(StringRulesSchema, rules, ["min_len", "max_len", "pattern"])) return undefined;
  const pattern = rules.pattern === "" ? undefined : compilePattern(rules.pattern);
  // A character is one or two units of UTF-16: between the bounds that this leaves, protovalidate counts.
  const unitsMin = rules.minLen <= 1n ? Number(rules.minLen) : 2 * Number(rules.minLen);
  const unitsMax = hasMaximum(rules) ? Number(rules.maxLen) : Number.POSITIVE_INFINITY;
  return (value) =>
    typeof value === "string" &&
    value.length >= unitsMin &&
    value.length <= unitsMax &&
    (pattern === undefined || pattern.test(value));
};

const hasMaximum = (rules: StringRules): boolean =>
  reflect(StringRulesSchema, rules).isSet(StringRulesSchema.field.maxLen);

const numberCheck = (rules: Int32Rules): ValueCheck | undefined => {
  if (!hasOnly(Int32RulesSchema, rules, ["gt", "gte", "lt", "lte"])) return undefined;
  const { greaterThan, lessThan } = rules;
  const above = greaterThan.value ?? Number.NEGATIVE_INFINITY;
  const below = lessThan.value ?? Number.POSITIVE_INFINITY;
  // The other way round they mean what lies outside.
  if (below < above) return undefined;
  return (value) =>
    typeof value === "number" &&
    (greaterThan.case === "gt" ? value > above : value >= above) &&
    (lessThan.case === "lt" ? value < below : value <= below);
};

/** True when no field but these is set: what is not known here must not be passed over. */
const hasOnly = (schema: DescMessage, rules: Message, names: readonly string[]): boolean => {
  if ((rules.$unknown ?? []).length > 0) return false;
  const seen = reflect(schema, rules);
  return schema.fields.every((field) => names.includes(field.name) || !seen.isSet(field));
};
