import { FeatureSet_EnumType } from "@bufbuild/protobuf/wkt";
import type { EnumNode } from "./contract-tree.ts";
import { featureOf } from "./features.ts";
import { reportJsonFormat } from "./json-format.ts";
import type { PairRule, Report } from "./report.ts";
import { quoted } from "./report.ts";
import { reportUnreserved, reservedOfEnum, reservesNumber } from "./reserved.ts";
import type { Place } from "./source-location.ts";
import { featurePlaceOf, nodePlaceOf, placeOf } from "./source-location.ts";

const FEATURES = [3, 7];
const ENUM_TYPE = 2;
const VALUE = 2;
const VALUE_NUMBER = 2;

const enumPlace = (enumeration: EnumNode): Place => nodePlaceOf(enumeration) ?? { file: enumeration.file.name };

/** The names of an enum's values by number: more than one where a value has an alias. */
const namesByNumber = ({ proto }: EnumNode): Map<number, string[]> => {
  const names = new Map<number, string[]>();
  for (const { name, number } of proto.value) {
    const known = names.get(number);
    if (known === undefined) names.set(number, [name]);
    else known.push(name);
  }
  return names;
};

/** How many names of one value are shown. */
const ALIASES_SHOWN_MAX = 8;

const nameList = (names: readonly string[]): string => {
  const shown = [...names].sort().slice(0, ALIASES_SHOWN_MAX).join(", ");
  return names.length > ALIASES_SHOWN_MAX ? `${shown} and ${names.length - ALIASES_SHOWN_MAX} more` : shown;
};

/** Reports the numbers of which no value is left, but for those that `isAllowed`. */
const reportDeleted = (
  before: EnumNode,
  after: EnumNode,
  report: Report,
  isAllowed: (number: number, names: readonly string[]) => boolean,
  without: (number: number, names: readonly string[]) => string,
): void => {
  const kept = namesByNumber(after);
  for (const [number, names] of namesByNumber(before)) {
    if (kept.has(number) || isAllowed(number, names)) continue;
    report({
      element: `${before.fullName}.${names[0]}`,
      before: `${nameList(names)} = ${number}`,
      after: "",
      message: `Value ${nameList(names)} (${number}) of ${after.fullName} was deleted${without(number, names)}.`,
      place: enumPlace(after),
    });
  }
};

export const ENUM_RULES = {
  ENUM_VALUE_NO_DELETE: (before, after, report) => {
    reportDeleted(
      before,
      after,
      report,
      () => false,
      () => "",
    );
  },

  ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED: (before, after, report) => {
    const reserved = new Set(after.proto.reservedName);
    reportDeleted(
      before,
      after,
      report,
      (_, names) => names.every((name) => reserved.has(name)),
      (_, names) => ` without 'reserved ${names.map(quoted).join(", ")};'`,
    );
  },

  ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED: (before, after, report) => {
    const isReserved = reservesNumber(reservedOfEnum(after));
    reportDeleted(before, after, report, isReserved, (number) => ` without 'reserved ${number};'`);
  },

  ENUM_VALUE_SAME_NAME: (before, after, report) => {
    const now = namesByNumber(after);
    const changed = new Map<number, [was: string, is: string]>();
    for (const [number, names] of namesByNumber(before)) {
      const kept = new Set(now.get(number));
      if (kept.size === 0 || names.every((name) => kept.has(name))) continue;
      changed.set(number, [nameList(names), nameList([...kept])]);
    }
    // Each of the names that stand there now has a line of its own.
    after.proto.value.forEach(({ name, number }, index) => {
      const names = changed.get(number);
      if (names === undefined) return;
      const [was, is] = names;
      report({
        element: `${after.fullName}.${name}`,
        before: `${was} = ${number}`,
        after: `${is} = ${number}`,
        message: `Value ${number} of ${after.fullName} changed its name from ${was} to ${is}.`,
        place: placeOf(after.file, [...after.path, VALUE, index, VALUE_NUMBER]) ?? { file: after.file.name },
      });
    });
  },

  ENUM_SAME_TYPE: (before, after, report) => {
    const [was, is] = [featureOf(before, "enumType"), featureOf(after, "enumType")];
    if (was === is) return;
    const words = (type: FeatureSet_EnumType): string => (type === FeatureSet_EnumType.OPEN ? "open" : "closed");
    report({
      element: after.fullName,
      before: words(was),
      after: words(is),
      message: `Enum ${after.fullName} changed from ${words(was)} to ${words(is)}.`,
      place: featurePlaceOf(after.file, [...after.path, ...FEATURES], [ENUM_TYPE]) ?? enumPlace(after),
    });
  },

  ENUM_SAME_JSON_FORMAT: (before, after, report) => {
    reportJsonFormat({ before, after, features: FEATURES, place: enumPlace(after) }, "Enum", report);
  },

  RESERVED_ENUM_NO_DELETE: (before, after, report) => {
    reportUnreserved(reservedOfEnum(before), reservedOfEnum(after, nodePlaceOf(after)), report);
  },
} satisfies Record<string, PairRule<EnumNode>>;
