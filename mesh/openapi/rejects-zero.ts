import type { DescField } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { Ignore } from "@heddle/contracts/buf/validate";
import { matchPattern } from "../contract/match-pattern.ts";
import { rulesOf } from "./rules.ts";

/**
 * Whether a request that leaves a field out is refused by the field's rules: JSON does not tell an absent field from one with its
 * zero value, where the contract does not.
 */
export const rejectsZero = (field: DescField): boolean => {
  const rules = rulesOf(field);
  if (rules === undefined || field.oneof !== undefined || rules.ignore === Ignore.IF_ZERO_VALUE) return false;
  if (field.presence !== FeatureSet_FieldPresence.IMPLICIT) return false;
  const { type } = rules;
  switch (type.case) {
    case "string": {
      const { minLen, len, const: constant, prefix, suffix, contains, pattern, wellKnown } = type.value;
      const isFormatted = wellKnown.case !== undefined && wellKnown.value !== false && wellKnown.case !== "uriRef";
      if (minLen > 0n || len > 0n || constant + prefix + suffix + contains !== "" || isFormatted) return true;
      if (type.value.in.length > 0 && !type.value.in.includes("")) return true;
      return pattern !== "" && !matchesEmpty(pattern);
    }
    case "bytes":
      return type.value.minLen > 0n || type.value.len > 0n;
    case "enum": {
      const { in: allowed, notIn, const: constant } = type.value;
      return notIn.includes(0) || constant !== 0 || (allowed.length > 0 && !allowed.includes(0));
    }
    case "repeated":
      return type.value.minItems > 0n;
    case "map":
      return type.value.minPairs > 0n;
    case "float":
    case "double":
    case "int32":
    case "uint32":
    case "sint32":
    case "fixed32":
    case "sfixed32":
    case "int64":
    case "uint64":
    case "sint64":
    case "fixed64":
    case "sfixed64": {
      const { greaterThan, lessThan } = type.value;
      if (lessThan.value !== undefined && greaterThan.value !== undefined && lessThan.value < greaterThan.value)
        return false;
      if (greaterThan.case === "gt" && greaterThan.value >= 0) return true;
      return greaterThan.case === "gte" && greaterThan.value > 0;
    }
    default:
      return false;
  }
};

const matchesEmpty = (pattern: string): boolean => {
  try {
    return matchPattern(pattern, "");
  } catch {
    // A pattern that RE2 refuses: nothing is claimed.
    return true;
  }
};
