import { create } from "@bufbuild/protobuf";
import type { FileDescriptorProto, FileOptions } from "@bufbuild/protobuf/wkt";
import { FileOptions_OptimizeMode, FileOptionsSchema } from "@bufbuild/protobuf/wkt";
import type { PairRule, Report } from "./report.ts";
import { quoted } from "./report.ts";
import { placeOf } from "./source-location.ts";

const PACKAGE = 2;
const OPTIONS = 8;
const SYNTAX = 12;

const reportChanged = (
  after: FileDescriptorProto,
  what: string,
  [was, is]: readonly [string, string],
  path: readonly number[],
  report: Report,
): void => {
  if (was === is) return;
  report({
    element: after.name,
    before: was,
    after: is,
    message: `File ${after.name} changed its ${what} from ${quoted(was)} to ${quoted(is)}.`,
    place: placeOf(after, path) ?? { file: after.name },
  });
};

/** A rule that an option of a file stays as it is; one that is not set has its default. */
const sameOption =
  (name: keyof FileOptions, textOf: (options: FileOptions) => string = (options) => String(options[name])) =>
  (before: FileDescriptorProto, after: FileDescriptorProto, report: Report): void => {
    const field = FileOptionsSchema.fields.find(({ localName }) => localName === name);
    if (field === undefined) throw new Error(`google.protobuf.FileOptions has no ${name}.`);
    const values = [textOf(optionsOf(before)), textOf(optionsOf(after))] as const;
    reportChanged(after, `option ${field.name}`, values, [OPTIONS, field.number], report);
  };

const optionsOf = (file: FileDescriptorProto): FileOptions => file.options ?? NO_OPTIONS;

const NO_OPTIONS = create(FileOptionsSchema);

/** Files of proto2 need not say so. */
const syntaxOf = ({ syntax }: FileDescriptorProto): string => (syntax === "" ? "proto2" : syntax);

export const FILE_RULES = {
  FILE_SAME_PACKAGE: (before, after, report) => {
    reportChanged(after, "package", [before.package, after.package], [PACKAGE], report);
  },
  FILE_SAME_SYNTAX: (before, after, report) => {
    reportChanged(after, "syntax", [syntaxOf(before), syntaxOf(after)], [SYNTAX], report);
  },
  FILE_SAME_CC_ENABLE_ARENAS: sameOption("ccEnableArenas"),
  FILE_SAME_CC_GENERIC_SERVICES: sameOption("ccGenericServices"),
  FILE_SAME_CSHARP_NAMESPACE: sameOption("csharpNamespace"),
  FILE_SAME_GO_PACKAGE: sameOption("goPackage"),
  FILE_SAME_JAVA_GENERIC_SERVICES: sameOption("javaGenericServices"),
  FILE_SAME_JAVA_MULTIPLE_FILES: sameOption("javaMultipleFiles"),
  FILE_SAME_JAVA_OUTER_CLASSNAME: sameOption("javaOuterClassname"),
  FILE_SAME_JAVA_PACKAGE: sameOption("javaPackage"),
  FILE_SAME_OBJC_CLASS_PREFIX: sameOption("objcClassPrefix"),
  FILE_SAME_OPTIMIZE_FOR: sameOption("optimizeFor", ({ optimizeFor }) => FileOptions_OptimizeMode[optimizeFor]),
  FILE_SAME_PHP_CLASS_PREFIX: sameOption("phpClassPrefix"),
  FILE_SAME_PHP_METADATA_NAMESPACE: sameOption("phpMetadataNamespace"),
  FILE_SAME_PHP_NAMESPACE: sameOption("phpNamespace"),
  FILE_SAME_PY_GENERIC_SERVICES: sameOption("pyGenericServices"),
  FILE_SAME_RUBY_PACKAGE: sameOption("rubyPackage"),
  FILE_SAME_SWIFT_PREFIX: sameOption("swiftPrefix"),
} satisfies Record<string, PairRule<FileDescriptorProto>>;
