import { create } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  EnumOptionsSchema,
  EnumValueDescriptorProtoSchema,
  FeatureSet_EnumType,
  FeatureSet_JsonFormat,
  FeatureSetSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  MessageOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { dropReferences, enumsOf, fieldsOf, messagesOf, redirect } from "./declared.ts";
import type { Mutation } from "./mutate.ts";

const isWithin = (type: string) => (name: string) => name === type || name.startsWith(`${type}.`);

/** A number that nothing of the fixtures and of proto/ has, in a message or in an enum. */
const FREE_NUMBER = 4_000;

export const TYPE_MUTATIONS: Record<string, Mutation> = {
  "delete a message": ({ files }, chance) => {
    const message = chance.pick(messagesOf(files));
    if (message === undefined) return false;
    message.list.splice(message.list.indexOf(message.proto), 1);
    dropReferences(files, isWithin(message.typeName));
    return true;
  },
  "rename a message": ({ files }, chance) => {
    const message = chance.pick(messagesOf(files));
    if (message === undefined) return false;
    message.proto.name += "Renamed";
    redirect(files, message.typeName, `${message.typeName}Renamed`);
    return true;
  },
  "add a message": ({ files }, chance) => {
    const type = { name: "text", number: 1, type: FieldDescriptorProto_Type.STRING, jsonName: "text" };
    const field = create(FieldDescriptorProtoSchema, { ...type, label: FieldDescriptorProto_Label.OPTIONAL });
    chance.pick(files)?.messageType.push(create(DescriptorProtoSchema, { name: "Added", field: [field] }));
    return true;
  },
  "add a field": ({ files }, chance) => {
    const message = chance.pick(messagesOf(files).filter(({ proto }) => proto.extensionRange.length === 0))?.proto;
    const type = { name: "added", number: FREE_NUMBER + 1, type: FieldDescriptorProto_Type.BOOL, jsonName: "added" };
    message?.field.push(create(FieldDescriptorProtoSchema, { ...type, label: FieldDescriptorProto_Label.OPTIONAL }));
    return message !== undefined;
  },
  "reserve in a message": ({ files }, chance) => {
    const message = chance.pick(messagesOf(files).filter(({ proto }) => proto.extensionRange.length === 0))?.proto;
    if (message === undefined) return false;
    const start = FREE_NUMBER + 10 + chance.below(20) * 20;
    message.reservedRange.push({
      $typeName: "google.protobuf.DescriptorProto.ReservedRange",
      start,
      end: start + 1 + chance.below(10),
    });
    if (chance.once(2)) message.reservedName.push(`reserved_${start}`);
    return true;
  },
  "reserve less in a message": ({ files }, chance) => {
    const message = chance.pick(
      messagesOf(files).filter(({ proto }) => proto.reservedRange.length + proto.reservedName.length > 0),
    );
    if (message === undefined) return false;
    const { reservedRange, reservedName } = message.proto;
    const range = chance.pick(reservedRange);
    if (range === undefined || chance.once(3)) reservedName.splice(0, 1);
    else if (range.end - range.start > 2 && chance.once(2)) {
      const middle = range.start + 1 + chance.below(range.end - range.start - 2);
      reservedRange.push({ ...range, start: middle + 1 });
      range.end = middle;
    } else if (range.end - range.start > 1 && chance.once(2)) range.start += 1;
    else reservedRange.splice(reservedRange.indexOf(range), 1);
    return true;
  },
  "have fewer extension ranges": ({ files }, chance) => {
    const message = chance.pick(messagesOf(files).filter(({ proto }) => proto.extensionRange.length > 0))?.proto;
    const range = message && chance.pick(message.extensionRange);
    if (message === undefined || range === undefined) return false;
    // Extensions stand in the lower half of their range.
    if (range.start > 900 && chance.once(2)) message.extensionRange.splice(message.extensionRange.indexOf(range), 1);
    else range.end -= 1 + chance.below(5);
    return true;
  },
  "change no_standard_descriptor_accessor": ({ files }, chance) => {
    const message = chance.pick(messagesOf(files))?.proto;
    if (message === undefined) return false;
    message.options ??= create(MessageOptionsSchema);
    message.options.noStandardDescriptorAccessor = !message.options.noStandardDescriptorAccessor;
    return true;
  },
  "change whether JSON is promised": ({ files }, chance) => {
    const editions = files.filter(({ syntax }) => syntax === "editions");
    const target = chance.pick([...messagesOf(editions), ...enumsOf(editions)])?.proto;
    if (target === undefined) return false;
    if ("field" in target) target.options ??= create(MessageOptionsSchema);
    else target.options ??= create(EnumOptionsSchema);
    if (target.options === undefined) return false;
    target.options.features ??= create(FeatureSetSchema);
    const { ALLOW, LEGACY_BEST_EFFORT } = FeatureSet_JsonFormat;
    target.options.features.jsonFormat =
      target.options.features.jsonFormat === LEGACY_BEST_EFFORT ? ALLOW : LEGACY_BEST_EFFORT;
    return true;
  },

  "delete an enum": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files));
    if (found === undefined) return false;
    found.list.splice(found.list.indexOf(found.proto), 1);
    dropReferences(files, isWithin(found.typeName));
    return true;
  },
  "rename an enum": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files));
    if (found === undefined) return false;
    found.proto.name += "Renamed";
    redirect(files, found.typeName, `${found.typeName}Renamed`);
    return true;
  },
  "add an enum": ({ files }, chance) => {
    const value = [create(EnumValueDescriptorProtoSchema, { name: "ADDED_UNSPECIFIED", number: 0 })];
    const file = chance.pick(files.filter(({ enumType }) => enumType.every(({ name }) => name !== "AddedKind")));
    file?.enumType.push(create(EnumDescriptorProtoSchema, { name: "AddedKind", value }));
    return file !== undefined;
  },
  "delete an enum value": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files).filter(({ proto }) => proto.value.length > 1))?.proto;
    if (found === undefined) return false;
    // The first stays, and so does what a field names as its default.
    const value = chance.pick(found.value.slice(1));
    if (value === undefined || fieldsOf(files).some(({ proto }) => proto.defaultValue === value.name)) return false;
    found.value.splice(found.value.indexOf(value), 1);
    const { number, name } = value;
    const isGone = !found.value.some((other) => other.number === number);
    if (!isGone && found.options && found.value.length === new Set(found.value.map((other) => other.number)).size) {
      found.options.allowAlias = false;
    }
    if (isGone && chance.once(2)) {
      found.reservedRange.push({
        $typeName: "google.protobuf.EnumDescriptorProto.EnumReservedRange",
        start: number,
        end: number,
      });
    }
    if (chance.once(2)) found.reservedName.push(name);
    return true;
  },
  "rename an enum value": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files));
    const value = found && chance.pick(found.proto.value);
    if (value === undefined) return false;
    const from = value.name;
    value.name += "_RENAMED";
    for (const { proto } of fieldsOf(files)) if (proto.defaultValue === from) proto.defaultValue = value.name;
    return true;
  },
  "renumber an enum value": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files).filter(({ proto }) => proto.value.length > 1))?.proto;
    const value = found && chance.pick(found.value.slice(1));
    if (value !== undefined) value.number = 30 + chance.below(60);
    return value !== undefined;
  },
  "add an alias": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files))?.proto;
    const value = found && chance.pick(found.value);
    if (found === undefined || value === undefined) return false;
    found.options ??= create(EnumOptionsSchema);
    found.options.allowAlias = true;
    found.value.push(create(EnumValueDescriptorProtoSchema, { name: `${value.name}_ALIAS`, number: value.number }));
    return true;
  },
  "add an enum value": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files))?.proto;
    found?.value.push(create(EnumValueDescriptorProtoSchema, { name: `${found.value[0]?.name}_ADDED`, number: 25 }));
    return found !== undefined;
  },
  "reserve in an enum": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files).filter(({ proto }) => proto.reservedRange.length === 0))?.proto;
    if (found === undefined) return false;
    const start = 200 + chance.below(20) * 20;
    const end = chance.once(4) ? 2 ** 31 - 1 : start + chance.below(10);
    found.reservedRange.push({ $typeName: "google.protobuf.EnumDescriptorProto.EnumReservedRange", start, end });
    if (chance.once(2)) found.reservedName.push(`RESERVED_${start}`);
    return true;
  },
  "reserve less in an enum": ({ files }, chance) => {
    const found = chance.pick(
      enumsOf(files).filter(({ proto }) => proto.reservedRange.length + proto.reservedName.length > 0),
    );
    if (found === undefined) return false;
    const { reservedRange, reservedName } = found.proto;
    const range = chance.pick(reservedRange);
    if (range === undefined || chance.once(3)) reservedName.splice(0, 1);
    else if (range.end > range.start && chance.once(2)) range.end -= 1;
    else reservedRange.splice(reservedRange.indexOf(range), 1);
    return true;
  },
  "open or close an enum": ({ files }, chance) => {
    const found = chance.pick(enumsOf(files.filter(({ syntax }) => syntax === "editions")))?.proto;
    if (found === undefined) return false;
    found.options ??= create(EnumOptionsSchema);
    found.options.features ??= create(FeatureSetSchema);
    const { OPEN, CLOSED } = FeatureSet_EnumType;
    found.options.features.enumType = found.options.features.enumType === CLOSED ? OPEN : CLOSED;
    return true;
  },
};
