import { create, isFieldSet } from "@bufbuild/protobuf";
import {
  CppFeatures_StringType,
  Edition,
  FeatureSet_Utf8Validation,
  FieldDescriptorProto_Type,
  FieldOptions_CType,
  FieldOptions_JSType,
  FieldOptionsSchema,
  FileOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { defaultJsonName } from "../default-json-name.ts";
import type { FieldNode } from "./contract-tree.ts";
import { cppStringTypeOf, editionOf, featureOf, javaVerifiesUtf8 } from "./features.ts";
import { defaultOf, sameDefault } from "./field-default.ts";
import { fieldWords, isExtension, isInMapEntry, kindOf, oneofNameOf } from "./field-traits.ts";
import type { PairRule, Report } from "./report.ts";
import { quoted } from "./report.ts";
import type { Place } from "./source-location.ts";
import { featurePlaceOf, fieldPlaceOf, placeOf } from "./source-location.ts";

const NAME = 1;
const DEFAULT_VALUE = 7;
const OPTIONS = 8;
const CTYPE = [OPTIONS, 1];
const JSTYPE = [OPTIONS, 6];
const JSON_NAME = 10;
const FEATURES = [OPTIONS, 21];
const UTF8_VALIDATION = 4;
const CPP_STRING_TYPE = [1000, 2];
const JAVA_UTF8_VALIDATION = [1001, 2];
const JAVA_STRING_CHECK_UTF8 = [8, 27];

const reportField = (
  after: FieldNode,
  [was, is]: readonly [string, string],
  what: string,
  report: Report,
  place?: Place,
): void => {
  report({
    element: after.fullName,
    before: was,
    after: is,
    message: `${fieldWords(after)} ${what}.`,
    place: place ?? fieldPlaceOf(after) ?? { file: after.file.name },
  });
};

const fieldFeaturePlaceOf = (field: FieldNode, ...feature: number[]): Place | undefined =>
  featurePlaceOf(field.file, [...field.path, ...FEATURES], feature);

/** The name of a field in JSON. Compilers write it down; descriptors that a program hands out at run time may lack it. */
const jsonNameOf = ({ proto }: FieldNode): string =>
  proto.jsonName === "" ? defaultJsonName(proto.name) : proto.jsonName;

/** Strings and bytes in C++: what holds them, with a name of its own for what `ctype` alone can say. */
const cppTypeOf = (field: FieldNode): string => {
  const options = field.proto.options;
  if (editionOf(field.file) < Edition.EDITION_2024 && options && isFieldSet(options, FieldOptionsSchema.field.ctype)) {
    return FieldOptions_CType[options.ctype];
  }
  return CppFeatures_StringType[cppStringTypeOf(field)];
};

const javaUtf8Of = (field: FieldNode): string => {
  const options = field.file.options ?? create(FileOptionsSchema);
  const byOption = field.file.syntax !== "editions" || isFieldSet(options, FileOptionsSchema.field.javaStringCheckUtf8);
  const verifies = byOption ? options.javaStringCheckUtf8 : javaVerifiesUtf8(field);
  return FeatureSet_Utf8Validation[
    verifies ? FeatureSet_Utf8Validation.VERIFY : featureOf(field, "utf8Validation")
  ] as string;
};

const LONG_TYPES = new Set([
  FieldDescriptorProto_Type.INT64,
  FieldDescriptorProto_Type.UINT64,
  FieldDescriptorProto_Type.SINT64,
  FieldDescriptorProto_Type.FIXED64,
  FieldDescriptorProto_Type.SFIXED64,
]);

const jsTypeOf = ({ proto }: FieldNode): string =>
  FieldOptions_JSType[proto.options?.jstype ?? FieldOptions_JSType.JS_NORMAL];

export const FIELD_RULES = {
  FIELD_SAME_NAME: (before, after, report) => {
    const [was, is] = isExtension(before) ? [before.fullName, after.fullName] : [before.proto.name, after.proto.name];
    if (was === is) return;
    reportField(after, [was, is], `was called ${quoted(was)} before`, report, fieldPlaceOf(after, NAME));
  },

  FIELD_SAME_JSON_NAME: (before, after, report) => {
    // An extension's name in JSON is its full name, which has its own rule.
    if (isExtension(before)) return;
    const [was, is] = [jsonNameOf(before), jsonNameOf(after)];
    if (was === is) return;
    reportField(
      after,
      [was, is],
      `changed its name in JSON from ${quoted(was)} to ${quoted(is)}`,
      report,
      fieldPlaceOf(after, JSON_NAME),
    );
  },

  FIELD_SAME_ONEOF: (before, after, report) => {
    if (isExtension(before)) return;
    const [was, is] = [oneofNameOf(before), oneofNameOf(after)];
    if (was === is) return;
    const words = (oneof: string | undefined): string => (oneof === undefined ? "no oneof" : `oneof ${quoted(oneof)}`);
    reportField(after, [words(was), words(is)], `moved from ${words(was)} to ${words(is)}`, report);
  },

  FIELD_SAME_DEFAULT: (before, after, report, trees) => {
    const was = defaultOf(before, trees.before);
    const is = defaultOf(after, trees.after);
    if (was === undefined || is === undefined || sameDefault(was, is)) return;
    reportField(
      after,
      [was.text, is.text],
      `changed its default from ${was.text} to ${is.text}`,
      report,
      fieldPlaceOf(after, DEFAULT_VALUE),
    );
  },

  FIELD_SAME_JSTYPE: (before, after, report) => {
    if (!LONG_TYPES.has(before.proto.type) || !LONG_TYPES.has(after.proto.type)) return;
    const [was, is] = [jsTypeOf(before), jsTypeOf(after)];
    if (was === is) return;
    reportField(after, [was, is], `changed jstype from ${was} to ${is}`, report, fieldPlaceOf(after, ...JSTYPE));
  },

  FIELD_SAME_CPP_STRING_TYPE: (before, after, report, trees) => {
    if (isInMapEntry(before) && isInMapEntry(after)) return;
    const isText = (kind: string): boolean => kind === "string" || kind === "bytes";
    if (!isText(kindOf(before, trees.before)) || !isText(kindOf(after, trees.after))) return;
    const [was, is] = [cppTypeOf(before), cppTypeOf(after)];
    // A string piece can do nothing that a string cannot.
    if (was === is || (was === "STRING_PIECE" && is === "STRING")) return;
    const place = fieldPlaceOf(after, ...CTYPE) ?? fieldFeaturePlaceOf(after, ...CPP_STRING_TYPE);
    reportField(after, [was, is], `changed its type in C++ from ${was} to ${is}`, report, place);
  },

  FIELD_SAME_UTF8_VALIDATION: (before, after, report, trees) => {
    if (kindOf(before, trees.before) !== "string" || kindOf(after, trees.after) !== "string") return;
    const was = FeatureSet_Utf8Validation[featureOf(before, "utf8Validation")] as string;
    const is = FeatureSet_Utf8Validation[featureOf(after, "utf8Validation")] as string;
    if (was === is) return;
    const place = fieldFeaturePlaceOf(after, UTF8_VALIDATION);
    reportField(after, [was, is], `changed how UTF-8 is checked from ${was} to ${is}`, report, place);
  },

  FIELD_SAME_JAVA_UTF8_VALIDATION: (before, after, report, trees) => {
    if (kindOf(before, trees.before) !== "string" || kindOf(after, trees.after) !== "string") return;
    const [was, is] = [javaUtf8Of(before), javaUtf8Of(after)];
    if (was === is) return;
    const place = placeOf(after.file, JAVA_STRING_CHECK_UTF8) ?? fieldFeaturePlaceOf(after, ...JAVA_UTF8_VALIDATION);
    reportField(after, [was, is], `changed how Java checks UTF-8 from ${was} to ${is}`, report, place);
  },
} satisfies Record<string, PairRule<FieldNode>>;
