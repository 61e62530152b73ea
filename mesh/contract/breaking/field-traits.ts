import { isFieldSet } from "@bufbuild/protobuf";
import {
  FeatureSet_FieldPresence,
  FeatureSet_MessageEncoding,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import type { ContractTree, FieldNode } from "./contract-tree.ts";
import { typeNameOf } from "./contract-tree.ts";
import { featureOf } from "./features.ts";

/** How a field's value is written, whatever it is called: a message is a `group` when its encoding is delimited. */
export type Kind =
  | "double"
  | "float"
  | "int64"
  | "uint64"
  | "int32"
  | "fixed64"
  | "fixed32"
  | "bool"
  | "string"
  | "group"
  | "message"
  | "bytes"
  | "uint32"
  | "enum"
  | "sfixed32"
  | "sfixed64"
  | "sint32"
  | "sint64";

/** How many values a field holds, and whether one can see that it is not set. */
export type Cardinality =
  | "optional with explicit presence"
  | "optional with implicit presence"
  | "required"
  | "repeated"
  | "map";

export const isExtension = (field: FieldNode): boolean => field.proto.extendee !== "";

/** Whether a field is the key or the value of a map. */
export const isInMapEntry = (field: FieldNode): boolean =>
  !isExtension(field) && field.parent?.proto.options?.mapEntry === true;

const isMap = (field: FieldNode, tree: ContractTree): boolean =>
  isMessage(field) && tree.messages.get(typeNameOf(field.proto.typeName))?.proto.options?.mapEntry === true;

export const kindOf = (field: FieldNode, tree: ContractTree): Kind => {
  const { type } = field.proto;
  if (type !== FieldDescriptorProto_Type.MESSAGE) return FieldDescriptorProto_Type[type].toLowerCase() as Kind;
  // Maps and what is in them are never delimited, whatever the file says.
  if (isInMapEntry(field) || isMap(field, tree)) return "message";
  return featureOf(field, "messageEncoding") === FeatureSet_MessageEncoding.DELIMITED ? "group" : "message";
};

export const cardinalityOf = (field: FieldNode, tree: ContractTree): Cardinality => {
  const { label } = field.proto;
  if (isMap(field, tree)) return "map";
  if (label === FieldDescriptorProto_Label.REPEATED) return "repeated";
  const presence = featureOf(field, "fieldPresence");
  if (label === FieldDescriptorProto_Label.REQUIRED) return "required";
  if (!isExtension(field) && presence === FeatureSet_FieldPresence.LEGACY_REQUIRED) return "required";
  const explicit =
    presence !== FeatureSet_FieldPresence.IMPLICIT || isExtension(field) || isMessage(field) || isInOneof(field);
  return explicit ? "optional with explicit presence" : "optional with implicit presence";
};

/** The name of the oneof that a field is in. One that only stands for proto3's `optional` does not count. */
export const oneofNameOf = (field: FieldNode): string | undefined => {
  const { proto, parent } = field;
  if (parent === undefined || isExtension(field) || !isInOneof(field) || proto.proto3Optional) return undefined;
  return parent.proto.oneofDecl[proto.oneofIndex]?.name;
};

/** `Field "total" (3) of order.v1.Order`. */
export const fieldWords = (field: FieldNode): string => {
  const { name, number, extendee } = field.proto;
  if (isExtension(field)) return `Extension ${field.fullName} (${number}) of ${typeNameOf(extendee)}`;
  return `Field "${name}" (${number}) of ${field.parent?.fullName ?? field.file.name}`;
};

/** The type of a field as proto text has it. */
export const typeText = (field: FieldNode, tree: ContractTree): string => {
  const kind = kindOf(field, tree);
  if (kind === "group") return `${typeNameOf(field.proto.typeName)} (delimited)`;
  return kind === "message" || kind === "enum" ? typeNameOf(field.proto.typeName) : kind;
};

const isInOneof = ({ proto }: FieldNode): boolean => isFieldSet(proto, FieldDescriptorProtoSchema.field.oneofIndex);

const isMessage = ({ proto }: FieldNode): boolean =>
  proto.type === FieldDescriptorProto_Type.MESSAGE || proto.type === FieldDescriptorProto_Type.GROUP;
