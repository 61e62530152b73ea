import { clearField, create, isFieldSet, setExtension } from "@bufbuild/protobuf";
import type { FieldDescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import {
  CppFeatures_StringType,
  CppFeaturesSchema,
  cpp,
  Edition,
  FeatureSet_EnumType,
  FeatureSet_FieldPresence,
  FeatureSet_JsonFormat,
  FeatureSet_MessageEncoding,
  FeatureSet_Utf8Validation,
  FeatureSetSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  FileOptionsSchema,
  JavaFeatures_Utf8Validation,
  JavaFeaturesSchema,
  java,
} from "@bufbuild/protobuf/wkt";
import { extensionsOf, fieldsOf, leaveOneof } from "./declared.ts";
import type { Mutation } from "./mutate.ts";

const { EXPLICIT, IMPLICIT, LEGACY_REQUIRED } = FeatureSet_FieldPresence;

const featuresOf = (file: FileDescriptorProto) => {
  file.options ??= create(FileOptionsSchema);
  file.options.features ??= create(FeatureSetSchema);
  return file.options.features;
};

const featuresOfField = (field: FieldDescriptorProto) => {
  field.options ??= create(FieldOptionsSchema);
  field.options.features ??= create(FeatureSetSchema);
  return field.options.features;
};

const isEdition = ({ syntax }: FileDescriptorProto): boolean => syntax === "editions";

/** Says in features what proto2 and proto3 say in words. */
const migrate = (file: FileDescriptorProto): void => {
  for (const { proto, parent } of [...fieldsOf([file]), ...extensionsOf([file])]) {
    if (proto.label === FieldDescriptorProto_Label.REQUIRED) {
      proto.label = FieldDescriptorProto_Label.OPTIONAL;
      featuresOfField(proto).fieldPresence = LEGACY_REQUIRED;
    }
    if (proto.type === FieldDescriptorProto_Type.GROUP) {
      proto.type = FieldDescriptorProto_Type.MESSAGE;
      featuresOfField(proto).messageEncoding = FeatureSet_MessageEncoding.DELIMITED;
    }
    if (proto.proto3Optional && parent !== undefined) {
      leaveOneof(parent, proto);
      featuresOfField(proto).fieldPresence = EXPLICIT;
    }
  }
};

export const EDITION_MUTATIONS: Record<string, Mutation> = {
  "write a file in an edition": ({ files }, chance) => {
    const file = chance.pick(files.filter((candidate) => !isEdition(candidate)));
    if (file === undefined) return false;
    migrate(file);
    const isProto3 = file.syntax === "proto3";
    if (file.options !== undefined) clearField(file.options, FileOptionsSchema.field.javaStringCheckUtf8);
    file.syntax = "editions";
    file.edition = Edition.EDITION_2023;
    if (chance.once(4)) return true;
    const features = featuresOf(file);
    if (isProto3) {
      features.fieldPresence = IMPLICIT;
      return true;
    }
    features.enumType = FeatureSet_EnumType.CLOSED;
    features.utf8Validation = FeatureSet_Utf8Validation.NONE;
    features.jsonFormat = FeatureSet_JsonFormat.LEGACY_BEST_EFFORT;
    return true;
  },
  "change the edition of a file": ({ files }, chance) => {
    const file = chance.pick(files.filter(isEdition));
    if (file === undefined) return false;
    const fields = fieldsOf([file]).map(({ proto }) => proto.options);
    if (fields.some((options) => options && isFieldSet(options, FieldOptionsSchema.field.ctype))) return false;
    const { EDITION_2023, EDITION_2024 } = Edition;
    file.edition = file.edition === EDITION_2023 ? EDITION_2024 : EDITION_2023;
    return true;
  },
  "change a default feature of a file": ({ files }, chance) => {
    const file = chance.pick(files.filter(isEdition));
    if (file === undefined) return false;
    const features = featuresOf(file);
    const { NONE, VERIFY } = FeatureSet_Utf8Validation;
    const { OPEN, CLOSED } = FeatureSet_EnumType;
    const { ALLOW, LEGACY_BEST_EFFORT } = FeatureSet_JsonFormat;
    const { DELIMITED, LENGTH_PREFIXED } = FeatureSet_MessageEncoding;
    const changes = [
      () => {
        features.utf8Validation = features.utf8Validation === NONE ? VERIFY : NONE;
      },
      () => {
        features.enumType = features.enumType === CLOSED ? OPEN : CLOSED;
      },
      () => {
        features.jsonFormat = features.jsonFormat === LEGACY_BEST_EFFORT ? ALLOW : LEGACY_BEST_EFFORT;
      },
      () => {
        features.messageEncoding = features.messageEncoding === DELIMITED ? LENGTH_PREFIXED : DELIMITED;
      },
      () => {
        if (fieldsOf([file]).every(({ proto }) => proto.defaultValue === "")) features.fieldPresence = IMPLICIT;
      },
      () => {
        setExtension(features, cpp, create(CppFeaturesSchema, { stringType: CppFeatures_StringType.VIEW }));
      },
      () => {
        const utf8Validation = JavaFeatures_Utf8Validation.VERIFY;
        setExtension(features, java, create(JavaFeaturesSchema, { utf8Validation }));
      },
    ];
    chance.pick(changes)?.();
    return true;
  },
};
