import { clearField, create, hasExtension, isFieldSet, setExtension } from "@bufbuild/protobuf";
import type { FieldDescriptorProto } from "@bufbuild/protobuf/wkt";
import {
  CppFeatures_StringType,
  CppFeaturesSchema,
  cpp,
  FeatureSet_FieldPresence,
  FeatureSet_MessageEncoding,
  FeatureSet_Utf8Validation,
  FeatureSetSchema,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FieldOptions_CType,
  FieldOptions_JSType,
  FieldOptionsSchema,
  JavaFeatures_Utf8Validation,
  JavaFeaturesSchema,
  java,
} from "@bufbuild/protobuf/wkt";
import type { Declared } from "./declared.ts";
import { entryOf, enumsOf, isInOneof, isMessageType, isRepeated } from "./declared.ts";
import type { Mutation } from "./mutate.ts";
import { isEdition, isOwn, someField } from "./some-field.ts";

const Type = FieldDescriptorProto_Type;

const LONGS = [Type.INT64, Type.UINT64, Type.SINT64, Type.FIXED64, Type.SFIXED64];

const featuresOf = ({ proto }: Declared<FieldDescriptorProto>) => {
  proto.options ??= create(FieldOptionsSchema);
  proto.options.features ??= create(FeatureSetSchema);
  return proto.options.features;
};

const DEFAULTS: Record<string, readonly string[]> = {
  [Type.BOOL]: ["true", "false"],
  [Type.STRING]: ["", "x", "a\u00e9"],
  [Type.BYTES]: ["", "x", "a\\303\\251"],
  [Type.FLOAT]: ["0", "1.5", "nan", "inf", "0.1"],
  [Type.DOUBLE]: ["0", "1.5", "nan", "inf", "0.1", "1"],
};

export const FIELD_OPTION_MUTATIONS: Record<string, Mutation> = {
  "change a default": (unit, chance) => {
    const field = someField(
      unit,
      chance,
      (candidate) =>
        candidate.file.syntax !== "proto3" &&
        !isRepeated(candidate.proto) &&
        !isMessageType(candidate.proto) &&
        candidate.proto.options?.features === undefined,
    );
    if (field === undefined) return false;
    const { proto } = field;
    if (chance.once(3)) {
      if (!isFieldSet(proto, FieldDescriptorProtoSchema.field.defaultValue)) return false;
      clearField(proto, FieldDescriptorProtoSchema.field.defaultValue);
      return true;
    }
    if (proto.type === Type.ENUM) {
      const values = enumsOf(unit.files).find(({ typeName }) => typeName === proto.typeName)?.proto.value ?? [];
      const value = chance.pick(values);
      if (value !== undefined) proto.defaultValue = value.name;
      return value !== undefined;
    }
    proto.defaultValue = chance.pick(DEFAULTS[proto.type] ?? ["0", "1", "7"]) ?? "0";
    return true;
  },
  "change jstype": (unit, chance) => {
    const field = someField(unit, chance, ({ proto }) => LONGS.includes(proto.type));
    if (field === undefined) return false;
    field.proto.options ??= create(FieldOptionsSchema);
    field.proto.options.jstype =
      chance.pick([FieldOptions_JSType.JS_NORMAL, FieldOptions_JSType.JS_STRING, FieldOptions_JSType.JS_NUMBER]) ?? 0;
    return true;
  },
  "change what C++ holds a string in": (unit, chance) => {
    const field = someField(unit, chance, ({ proto }) => proto.type === Type.STRING || proto.type === Type.BYTES);
    if (field === undefined) return false;
    if (isEdition(field) && field.proto.options?.ctype === undefined) {
      const stringType =
        chance.pick([CppFeatures_StringType.VIEW, CppFeatures_StringType.CORD, CppFeatures_StringType.STRING]) ?? 0;
      setExtension(featuresOf(field), cpp, create(CppFeaturesSchema, { stringType }));
      return true;
    }
    field.proto.options ??= create(FieldOptionsSchema);
    field.proto.options.ctype =
      chance.pick([FieldOptions_CType.STRING, FieldOptions_CType.CORD, FieldOptions_CType.STRING_PIECE]) ?? 0;
    return true;
  },
  "change how strings are checked": (unit, chance) => {
    const field = someField(unit, chance, (candidate) => isEdition(candidate) && candidate.proto.type === Type.STRING);
    if (field === undefined) return false;
    const features = featuresOf(field);
    if (chance.once(2)) {
      const utf8Validation = hasExtension(features, java)
        ? JavaFeatures_Utf8Validation.DEFAULT
        : JavaFeatures_Utf8Validation.VERIFY;
      setExtension(features, java, create(JavaFeaturesSchema, { utf8Validation }));
    } else
      features.utf8Validation = chance.pick([FeatureSet_Utf8Validation.VERIFY, FeatureSet_Utf8Validation.NONE]) ?? 0;
    return true;
  },
  "change presence": (unit, chance) => {
    const field = someField(
      unit,
      chance,
      (candidate) =>
        isEdition(candidate) &&
        isOwn(candidate) &&
        !isRepeated(candidate.proto) &&
        !isInOneof(candidate.proto) &&
        !isMessageType(candidate.proto) &&
        !isFieldSet(candidate.proto, FieldDescriptorProtoSchema.field.defaultValue),
    );
    if (field === undefined) return false;
    const { EXPLICIT, IMPLICIT, LEGACY_REQUIRED } = FeatureSet_FieldPresence;
    featuresOf(field).fieldPresence = chance.pick([EXPLICIT, IMPLICIT, LEGACY_REQUIRED]) ?? EXPLICIT;
    return true;
  },
  "change a message's encoding": (unit, chance) => {
    const field = someField(
      unit,
      chance,
      (candidate) => isEdition(candidate) && isMessageType(candidate.proto) && entryOf(candidate) === undefined,
    );
    if (field === undefined) return false;
    const { DELIMITED, LENGTH_PREFIXED } = FeatureSet_MessageEncoding;
    const features = featuresOf(field);
    features.messageEncoding = features.messageEncoding === DELIMITED ? LENGTH_PREFIXED : DELIMITED;
    return true;
  },
  "change a field in a way that breaks nobody": (unit, chance) => {
    const field = someField(unit, chance);
    if (field === undefined) return false;
    field.proto.options ??= create(FieldOptionsSchema);
    field.proto.options.deprecated = !field.proto.options.deprecated;
    return true;
  },
};
