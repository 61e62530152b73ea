import { FieldDescriptorProto_Label } from "@bufbuild/protobuf/wkt";
import type { FieldNode, MessageNode } from "./contract-tree.ts";
import { fieldsOf } from "./contract-tree.ts";
import { typeText } from "./field-traits.ts";
import { reportJsonFormat } from "./json-format.ts";
import { inclusive } from "./number-ranges.ts";
import type { PairRule, Report, Trees } from "./report.ts";
import { quoted } from "./report.ts";
import { reportLostRanges, reportUnreserved, reservedOfMessage, reservesNumber } from "./reserved.ts";
import type { Place } from "./source-location.ts";
import { fieldPlaceOf, messagePlaceOf, placeOf } from "./source-location.ts";

const FEATURES = [7, 12];
const NO_STANDARD_DESCRIPTOR_ACCESSOR = [7, 2];

const messagePlace = (message: MessageNode): Place => messagePlaceOf(message) ?? { file: message.file.name };

const fieldText = (field: FieldNode, trees: Trees): string =>
  `${typeText(field, trees.before)} ${field.proto.name} = ${field.proto.number}`;

/** Reports fields that are gone, but for those that `isAllowed`. */
const reportDeleted = (
  before: MessageNode,
  after: MessageNode,
  report: Report,
  trees: Trees,
  isAllowed: (field: FieldNode) => boolean,
  without: (field: FieldNode) => string,
): void => {
  const kept = fieldsOf(after);
  for (const [number, field] of fieldsOf(before)) {
    if (kept.has(number) || isAllowed(field)) continue;
    report({
      element: field.fullName,
      before: fieldText(field, trees),
      after: "",
      message: `Field "${field.proto.name}" (${number}) of ${after.fullName} was deleted${without(field)}.`,
      place: messagePlace(after),
    });
  }
};

export const MESSAGE_RULES = {
  FIELD_NO_DELETE: (before, after, report, trees) => {
    reportDeleted(
      before,
      after,
      report,
      trees,
      () => false,
      () => "",
    );
  },

  FIELD_NO_DELETE_UNLESS_NAME_RESERVED: (before, after, report, trees) => {
    const names = new Set(after.proto.reservedName);
    reportDeleted(
      before,
      after,
      report,
      trees,
      ({ proto }) => names.has(proto.name),
      ({ proto }) => ` without 'reserved ${quoted(proto.name)};'`,
    );
  },

  FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED: (before, after, report, trees) => {
    const isReserved = reservesNumber(reservedOfMessage(after));
    reportDeleted(
      before,
      after,
      report,
      trees,
      ({ proto }) => isReserved(proto.number),
      ({ proto }) => ` without 'reserved ${proto.number};'`,
    );
  },

  ONEOF_NO_DELETE: (before, after, report) => {
    const kept = new Set(after.proto.oneofDecl.map(({ name }) => name));
    // A oneof that only stands for `optional` is nobody's; that a field lost it is a matter of cardinality.
    const optional = new Set(before.proto.field.flatMap((field) => (field.proto3Optional ? [field.oneofIndex] : [])));
    before.proto.oneofDecl.forEach(({ name }, index) => {
      if (kept.has(name) || optional.has(index)) return;
      report({
        element: `${before.fullName}.${name}`,
        before: `oneof ${name}`,
        after: "",
        message: `The oneof "${name}" of ${after.fullName} was deleted.`,
        place: messagePlace(after),
      });
    });
  },

  EXTENSION_MESSAGE_NO_DELETE: (before, after, report) => {
    const was = { ...reservedOfMessage(before), ranges: inclusive(before.proto.extensionRange) };
    const is = { ...reservedOfMessage(after, messagePlaceOf(after)), ranges: inclusive(after.proto.extensionRange) };
    reportLostRanges("Extension", was, is, report);
  },

  RESERVED_MESSAGE_NO_DELETE: (before, after, report) => {
    reportUnreserved(reservedOfMessage(before), reservedOfMessage(after, messagePlaceOf(after)), report);
  },

  MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR: (before, after, report) => {
    const was = before.proto.options?.noStandardDescriptorAccessor === true;
    const is = after.proto.options?.noStandardDescriptorAccessor === true;
    if (was || !is) return;
    report({
      element: after.fullName,
      before: "false",
      after: "true",
      message: `Message ${after.fullName} changed no_standard_descriptor_accessor from false to true.`,
      place: placeOf(after.file, [...after.path, ...NO_STANDARD_DESCRIPTOR_ACCESSOR]) ?? { file: after.file.name },
    });
  },

  MESSAGE_SAME_JSON_FORMAT: (before, after, report) => {
    reportJsonFormat({ before, after, features: FEATURES, place: messagePlace(after) }, "Message", report);
  },

  MESSAGE_SAME_REQUIRED_FIELDS: (before, after, report, trees) => {
    const required = (message: MessageNode): Map<number, FieldNode> =>
      new Map([...fieldsOf(message)].filter(([, { proto }]) => proto.label === FieldDescriptorProto_Label.REQUIRED));
    const was = required(before);
    const is = required(after);
    const why = "whoever does not know the field does not send it, or cannot read a message without it";
    for (const [number, field] of was) {
      if (is.has(number)) continue;
      report({
        element: field.fullName,
        before: `required ${fieldText(field, trees)}`,
        after: "",
        message: `Field "${field.proto.name}" (${number}) of ${after.fullName} was required and is not any more: ${why}.`,
        place: messagePlace(after),
      });
    }
    for (const [number, field] of is) {
      if (was.has(number)) continue;
      report({
        element: field.fullName,
        before: "",
        after: `required ${typeText(field, trees.after)} ${field.proto.name} = ${number}`,
        message: `Field "${field.proto.name}" (${number}) of ${after.fullName} is required now: ${why}.`,
        place: fieldPlaceOf(field) ?? { file: after.file.name },
      });
    }
  },
} satisfies Record<string, PairRule<MessageNode>>;
