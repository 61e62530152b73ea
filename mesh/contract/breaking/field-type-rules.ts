import type { EnumNode, FieldNode } from "./contract-tree.ts";
import { typeNameOf } from "./contract-tree.ts";
import type { Cardinality, Kind } from "./field-traits.ts";
import { cardinalityOf, fieldWords, isInMapEntry, kindOf, typeText } from "./field-traits.ts";
import type { PairRule, Report, Trees } from "./report.ts";
import { quoted } from "./report.ts";
import { fieldPlaceOf } from "./source-location.ts";

const TYPE = 5;
const TYPE_NAME = 6;

/** Kinds that read each other's bytes; one that is not listed reads its own alone. */
const WIRE_GROUPS: readonly (readonly Kind[])[] = [
  ["int32", "int64", "uint32", "uint64", "bool"],
  ["sint32", "sint64"],
  ["fixed32", "sfixed32"],
  ["fixed64", "sfixed64"],
];

/** Kinds that read each other's bytes and each other's JSON: 64-bit numbers are strings there. */
const WIRE_JSON_GROUPS: readonly (readonly Kind[])[] = [
  ["int32", "uint32"],
  ["int64", "uint64"],
  ["fixed32", "sfixed32"],
  ["fixed64", "sfixed64"],
];

const WIRE_GROUP: Record<Cardinality, string> = {
  "optional with explicit presence": "one",
  "optional with implicit presence": "one",
  required: "required",
  repeated: "many",
  // A map is a repeated message of a key and a value.
  map: "many",
};

const WIRE_JSON_GROUP: Record<Cardinality, string> = { ...WIRE_GROUP, map: "an object in JSON" };

const sameGroup = (groups: readonly (readonly Kind[])[], before: Kind, after: Kind): boolean =>
  before === after || groups.some((group) => group.includes(before) && group.includes(after));

const hasTypeName = (kind: Kind): boolean => kind === "message" || kind === "enum" || kind === "group";

const reportType = (before: FieldNode, after: FieldNode, report: Report, trees: Trees, hint = ""): void => {
  const was = typeText(before, trees.before);
  const is = typeText(after, trees.after);
  const part = hasTypeName(kindOf(after, trees.after)) ? TYPE_NAME : TYPE;
  report({
    element: after.fullName,
    before: was,
    after: is,
    message: `${fieldWords(after)} changed its type from ${was} to ${is}.${hint}`,
    place: fieldPlaceOf(after, part) ?? { file: after.file.name },
  });
};

const sameTypeName = (before: FieldNode, after: FieldNode): boolean =>
  typeNameOf(before.proto.typeName) === typeNameOf(after.proto.typeName);

/** Whether an enum may take another's place: the same short name, and every value under its old name and number. */
const isReplacedBy = (before: EnumNode | undefined, after: EnumNode | undefined): boolean => {
  if (before === undefined || after === undefined || before.proto.name !== after.proto.name) return false;
  const values = new Map(after.proto.value.map(({ name, number }) => [name, number]));
  return before.proto.value.every(({ name, number }) => values.get(name) === number);
};

const compatibleType =
  (groups: readonly (readonly Kind[])[], encoding: string, stringMayBecomeBytes: boolean): PairRule<FieldNode> =>
  (before, after, report, trees) => {
    const was = kindOf(before, trees.before);
    const is = kindOf(after, trees.after);
    if (!sameGroup(groups, was, is)) {
      if (stringMayBecomeBytes && was === "string" && is === "bytes") return;
      const hint =
        was === "bytes" && is === "string"
          ? " Bytes need not be UTF-8, which a string must be."
          : ` Their ${encoding} differs.`;
      reportType(before, after, report, trees, hint);
    } else if (hasTypeName(is) && !sameTypeName(before, after)) {
      const replaced =
        is === "enum" &&
        isReplacedBy(
          trees.before.enums.get(typeNameOf(before.proto.typeName)),
          trees.after.enums.get(typeNameOf(after.proto.typeName)),
        );
      if (!replaced) reportType(before, after, report, trees);
    }
  };

const compatibleCardinality =
  (groupOf: (cardinality: Cardinality) => string): PairRule<FieldNode> =>
  (before, after, report, trees) => {
    // An entry's fields are not declared by anybody; only the defaults of their file can change.
    if (isInMapEntry(before) && isInMapEntry(after)) return;
    const was = cardinalityOf(before, trees.before);
    const is = cardinalityOf(after, trees.after);
    if (groupOf(was) === groupOf(is)) return;
    report({
      element: after.fullName,
      before: was,
      after: is,
      message: `${fieldWords(after)} changed its cardinality from ${quoted(was)} to ${quoted(is)}.`,
      place: fieldPlaceOf(after) ?? { file: after.file.name },
    });
  };

export const FIELD_TYPE_RULES = {
  FIELD_SAME_TYPE: (before, after, report, trees) => {
    const is = kindOf(after, trees.after);
    if (kindOf(before, trees.before) !== is || (hasTypeName(is) && !sameTypeName(before, after))) {
      reportType(before, after, report, trees);
    }
  },
  FIELD_WIRE_COMPATIBLE_TYPE: compatibleType(WIRE_GROUPS, "encoding", true),
  FIELD_WIRE_JSON_COMPATIBLE_TYPE: compatibleType(WIRE_JSON_GROUPS, "encoding or their JSON", false),
  FIELD_SAME_CARDINALITY: compatibleCardinality((cardinality) => cardinality),
  FIELD_WIRE_COMPATIBLE_CARDINALITY: compatibleCardinality((cardinality) => WIRE_GROUP[cardinality]),
  FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY: compatibleCardinality((cardinality) => WIRE_JSON_GROUP[cardinality]),
} satisfies Record<string, PairRule<FieldNode>>;
