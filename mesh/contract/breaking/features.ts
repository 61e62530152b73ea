import { getExtension, hasExtension } from "@bufbuild/protobuf";
import type { FeatureSet, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import {
  CppFeatures_StringType,
  cpp,
  Edition,
  FeatureSet_EnumType,
  FeatureSet_FieldPresence,
  FeatureSet_JsonFormat,
  FeatureSet_MessageEncoding,
  FeatureSet_Utf8Validation,
  JavaFeatures_Utf8Validation,
  java,
} from "@bufbuild/protobuf/wkt";
import type { MessageNode } from "./contract-tree.ts";

/** What may carry features: a field, an enum, a message. */
interface Featured {
  readonly proto: { readonly options?: { readonly features?: FeatureSet } };
  readonly file: FileDescriptorProto;
  readonly parent: MessageNode | undefined;
}

/** The features that a comparison asks for; each is a number, 0 when it is not set. */
export interface Features {
  readonly fieldPresence: FeatureSet_FieldPresence;
  readonly enumType: FeatureSet_EnumType;
  readonly utf8Validation: FeatureSet_Utf8Validation;
  readonly messageEncoding: FeatureSet_MessageEncoding;
  readonly jsonFormat: FeatureSet_JsonFormat;
}

const PROTO2: Features = {
  fieldPresence: FeatureSet_FieldPresence.EXPLICIT,
  enumType: FeatureSet_EnumType.CLOSED,
  utf8Validation: FeatureSet_Utf8Validation.NONE,
  messageEncoding: FeatureSet_MessageEncoding.LENGTH_PREFIXED,
  jsonFormat: FeatureSet_JsonFormat.LEGACY_BEST_EFFORT,
};

const EDITION_2023: Features = {
  ...PROTO2,
  enumType: FeatureSet_EnumType.OPEN,
  utf8Validation: FeatureSet_Utf8Validation.VERIFY,
  jsonFormat: FeatureSet_JsonFormat.ALLOW,
};

const PROTO3: Features = { ...EDITION_2023, fieldPresence: FeatureSet_FieldPresence.IMPLICIT };

/** The edition of a file; those written in proto2 and proto3 have their own. */
export const editionOf = (file: FileDescriptorProto): Edition => {
  if (file.syntax === "editions") return file.edition;
  return file.syntax === "proto3" ? Edition.EDITION_PROTO3 : Edition.EDITION_PROTO2;
};

/** The value of a feature: its own, else that of what it is declared in, else the default of the file's edition. */
export const featureOf = <K extends keyof Features>(node: Featured, feature: K): Features[K] => {
  const edition = editionOf(node.file);
  const set = nearest(node, (features) => features[feature] as Features[K] | 0);
  if (set !== undefined) return set;
  if (edition === Edition.EDITION_PROTO2) return PROTO2[feature];
  return edition === Edition.EDITION_PROTO3 ? PROTO3[feature] : EDITION_2023[feature];
};

/** What C++ holds the strings of a field in. */
export const cppStringTypeOf = (node: Featured): CppFeatures_StringType => {
  const set = nearest(node, (features) => (hasExtension(features, cpp) ? getExtension(features, cpp).stringType : 0));
  const { STRING, VIEW } = CppFeatures_StringType;
  return set ?? (editionOf(node.file) < Edition.EDITION_2024 ? STRING : VIEW);
};

/** Whether Java checks the strings of a field although other languages do not. */
export const javaVerifiesUtf8 = (node: Featured): boolean =>
  nearest(node, (features) => (hasExtension(features, java) ? getExtension(features, java).utf8Validation : 0)) ===
  JavaFeatures_Utf8Validation.VERIFY;

const nearest = <V extends number>(node: Featured, read: (features: FeatureSet) => V | 0): V | undefined => {
  for (let at: Featured | undefined = node; at !== undefined; at = at.parent) {
    const features = at.proto.options?.features;
    const value = features === undefined ? 0 : read(features);
    if (value !== 0) return value;
  }
  const features = node.file.options?.features;
  const value = features === undefined ? 0 : read(features);
  return value === 0 ? undefined : value;
};
