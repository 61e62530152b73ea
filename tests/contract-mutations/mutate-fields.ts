import { clearField, create } from "@bufbuild/protobuf";
import type { FieldDescriptorProto } from "@bufbuild/protobuf/wkt";
import {
  EnumValueDescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  OneofDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import type { Declared } from "./declared.ts";
import {
  entryOf,
  enumsOf,
  fieldsOf,
  isInOneof,
  isRepeated,
  leaveOneof,
  messagesOf,
  redirect,
  removeField,
} from "./declared.ts";
import type { Mutation } from "./mutate.ts";
import { isOwn, isRequired, someField } from "./some-field.ts";

const Type = FieldDescriptorProto_Type;
const Label = FieldDescriptorProto_Label;

const SCALARS = [
  Type.DOUBLE,
  Type.FLOAT,
  Type.INT64,
  Type.UINT64,
  Type.INT32,
  Type.FIXED64,
  Type.FIXED32,
  Type.BOOL,
  Type.STRING,
  Type.BYTES,
  Type.UINT32,
  Type.SFIXED32,
  Type.SFIXED64,
  Type.SINT32,
  Type.SINT64,
];

const jsonName = (name: string): string => name.replaceAll(/_+(.?)/g, (_, next: string) => next.toUpperCase());

/** Takes from a field what only its old type allowed. */
const forgetType = (declared: Declared<FieldDescriptorProto>): void => {
  const { proto, parent } = declared;
  const entry = entryOf(declared);
  if (entry !== undefined) parent?.nestedType.splice(parent.nestedType.indexOf(entry), 1);
  clearField(proto, FieldDescriptorProtoSchema.field.defaultValue);
  clearField(proto, FieldDescriptorProtoSchema.field.typeName);
  proto.options = undefined;
};

export const FIELD_MUTATIONS: Record<string, Mutation> = {
  "delete a field": (unit, chance) => {
    const field = someField(unit, chance, isOwn);
    if (field === undefined) return false;
    const { proto, parent } = field;
    removeField(field);
    const { number, name } = proto;
    if (chance.once(2))
      parent?.reservedRange.push({
        $typeName: "google.protobuf.DescriptorProto.ReservedRange",
        start: number,
        end: number + 1,
      });
    if (chance.once(2)) parent?.reservedName.push(name);
    return true;
  },
  "delete an extension": (unit, chance) => {
    const field = someField(unit, chance, (candidate) => !isOwn(candidate));
    if (field !== undefined) removeField(field);
    return field !== undefined;
  },
  "rename a field": (unit, chance) => {
    const field = someField(
      unit,
      chance,
      (candidate) => entryOf(candidate) === undefined && candidate.proto.type !== Type.GROUP,
    );
    if (field === undefined) return false;
    field.proto.name = `${field.proto.name}_renamed`;
    // An extension has no name in JSON of its own.
    if (!isOwn(field) || chance.once(2)) field.proto.jsonName = jsonName(field.proto.name);
    return true;
  },
  "change a json_name": (unit, chance) => {
    const field = someField(unit, chance, isOwn);
    if (field !== undefined) field.proto.jsonName = `${field.proto.jsonName}X`;
    return field !== undefined;
  },
  "renumber a field": (unit, chance) => {
    const field = someField(
      unit,
      chance,
      (candidate) => !isOwn(candidate) || candidate.parent?.extensionRange.length === 0,
    );
    if (field === undefined) return false;
    // The extensions of the fixtures are near the start of their range.
    field.proto.number = isOwn(field) ? 12_000 + chance.below(6_000) : 120 + chance.below(60);
    return true;
  },
  "change a scalar": (unit, chance) => {
    const field = someField(unit, chance, ({ proto }) => SCALARS.includes(proto.type));
    if (field === undefined) return false;
    forgetType(field);
    field.proto.type = chance.pick(SCALARS) ?? Type.STRING;
    return true;
  },
  "make a type another": (unit, chance) => {
    const field = someField(unit, chance, (candidate) => !isRequired(candidate) && candidate.proto.type !== Type.GROUP);
    if (field === undefined) return false;
    const target = chance.pick([...messagesOf([field.file]), ...enumsOf([field.file])]);
    forgetType(field);
    if (target === undefined || chance.once(3)) field.proto.type = chance.pick(SCALARS) ?? Type.STRING;
    else {
      field.proto.type = "field" in target.proto ? Type.MESSAGE : Type.ENUM;
      field.proto.typeName = target.typeName;
    }
    return true;
  },
  "make a field repeated or single": (unit, chance) => {
    const field = someField(unit, chance, (candidate) => !isInOneof(candidate.proto));
    if (field === undefined) return false;
    const { proto, parent } = field;
    const entry = entryOf(field);
    if (entry !== undefined) {
      // The map's entry becomes a message like any other.
      entry.options = undefined;
      entry.name = `${entry.name}Pair`;
      proto.typeName = `${proto.typeName}Pair`;
      return parent !== undefined;
    }
    clearField(proto, FieldDescriptorProtoSchema.field.defaultValue);
    proto.label = isRepeated(proto) ? Label.OPTIONAL : Label.REPEATED;
    if (proto.options) {
      clearField(proto.options, FieldOptionsSchema.field.packed);
      proto.options.features = undefined;
    }
    return true;
  },
  "make a field required or not": (unit, chance) => {
    const field = someField(
      unit,
      chance,
      ({ file, proto, parent }) =>
        (file.syntax === "" || file.syntax === "proto2") &&
        parent?.field.includes(proto) === true &&
        !isInOneof(proto) &&
        !isRepeated(proto),
    );
    if (field !== undefined) field.proto.label = isRequired(field) ? Label.OPTIONAL : Label.REQUIRED;
    return field !== undefined;
  },
  "make a field optional or not": (unit, chance) => {
    const field = someField(
      unit,
      chance,
      ({ file, proto }) =>
        file.syntax === "proto3" &&
        proto.extendee === "" &&
        !isRepeated(proto) &&
        (proto.proto3Optional || !isInOneof(proto)),
    );
    if (field?.parent === undefined) return false;
    const { proto, parent } = field;
    if (proto.proto3Optional) leaveOneof(parent, proto);
    else {
      proto.proto3Optional = true;
      proto.oneofIndex = parent.oneofDecl.length;
      parent.oneofDecl.push(create(OneofDescriptorProtoSchema, { name: `_${proto.name}` }));
    }
    return true;
  },
  "move a field into a oneof": (unit, chance) => {
    const field = someField(
      unit,
      chance,
      ({ proto, parent, list }) =>
        parent?.field === list &&
        !isInOneof(proto) &&
        !isRepeated(proto) &&
        proto.label !== Label.REQUIRED &&
        proto.options?.features === undefined,
    );
    if (field?.parent === undefined) return false;
    const { proto, parent } = field;
    const real = parent.oneofDecl
      .map((_, index) => index)
      .filter((index) => !parent.field.some((other) => other.proto3Optional && other.oneofIndex === index));
    const chosen = chance.pick(real);
    if (chosen !== undefined && chance.once(2)) {
      proto.oneofIndex = chosen;
      return true;
    }
    // Those of proto3's optional fields stand last.
    const index = real.length;
    parent.oneofDecl.splice(index, 0, create(OneofDescriptorProtoSchema, { name: "added_choice" }));
    for (const other of parent.field) if (isInOneof(other) && other.oneofIndex >= index) other.oneofIndex += 1;
    proto.oneofIndex = index;
    return true;
  },
  "move a field out of its oneof": (unit, chance) => {
    const field = someField(unit, chance, ({ proto }) => isInOneof(proto) && !proto.proto3Optional);
    if (field?.parent === undefined) return false;
    leaveOneof(field.parent, field.proto);
    return true;
  },
  "rename a oneof": (unit, chance) => {
    const message = chance.pick(messagesOf(unit.files).filter(({ proto }) => proto.oneofDecl.length > 0));
    const oneof = message && chance.pick(message.proto.oneofDecl);
    if (oneof !== undefined) oneof.name = `${oneof.name}_renamed`;
    return oneof !== undefined;
  },
  "change a map's value": (unit, chance) => {
    const field = chance.pick(fieldsOf(unit.files).filter((candidate) => entryOf(candidate) !== undefined));
    const part = field && entryOf(field)?.field[chance.below(2)];
    if (part === undefined) return false;
    clearField(part, FieldDescriptorProtoSchema.field.typeName);
    part.type = chance.pick([Type.INT32, Type.UINT32, Type.INT64, Type.STRING, Type.BOOL]) ?? Type.STRING;
    return true;
  },
  "change an enum of a field for one of the same name": (unit, chance) => {
    const field = someField(unit, chance, ({ proto }) => proto.type === Type.ENUM);
    const found = field && enumsOf(unit.files).find(({ typeName }) => typeName === field.proto.typeName);
    if (field === undefined || found === undefined || found.parent === undefined) return false;
    // Out of its message, where no value of the same name stands.
    const to = `.${found.file.package}.${found.proto.name}`;
    found.list.splice(found.list.indexOf(found.proto), 1);
    found.file.enumType.push(found.proto);
    const { value } = found.proto;
    const last = value.at(-1)?.name;
    const change = chance.below(3);
    if (change === 1) value.push(create(EnumValueDescriptorProtoSchema, { name: "MORE_THAN_BEFORE", number: 26 }));
    if (change === 2 && value.length > 1 && fieldsOf(unit.files).every(({ proto }) => proto.defaultValue !== last))
      value.pop();
    redirect(unit.files, found.typeName, to);
    return true;
  },
};
