import { fromBinary } from "@bufbuild/protobuf";
import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** Comments by the full name of what they stand above; those of enum values by the enum's name, a dot and theirs. */
export type Comments = ReadonlyMap<string, string>;

/** The comments in a serialized google.protobuf.FileDescriptorSet: none where it came without source code info. */
export const commentsIn = (bytes: Uint8Array): Comments => {
  const comments = new Map<string, string>();
  for (const file of fromBinary(FileDescriptorSetSchema, bytes).file) {
    for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? []) {
      const name = leadingComments === "" ? undefined : nameAt(file, path);
      if (name !== undefined) comments.set(name, textOf(leadingComments));
    }
  }
  return comments;
};

/** Paragraphs, each on one line; what is indented, such as a list, keeps its lines. */
const textOf = (comment: string): string =>
  comment
    .split(/\n[ \t]*\n/)
    .map((paragraph) =>
      paragraph
        .replace(/^ /gm, "")
        .trim()
        .replace(/\n(?![\s*-])/g, " "),
    )
    .join("\n\n")
    .trim();

/** The full name of what a path of google.protobuf.SourceCodeInfo leads to; undefined for what has none. */
const nameAt = (file: FileDescriptorProto, [field, index = 0, ...rest]: readonly number[]): string | undefined => {
  const within = (name: string | undefined) => [file.package, name].filter(Boolean).join(".");
  const first = file.messageType[index];
  if (field === 4 && first !== undefined) return nameInMessage(first, within(first.name), rest);
  const enumType = file.enumType[index];
  if (field === 5 && enumType !== undefined) return memberName(within(enumType.name), enumType.value, rest);
  const service = file.service[index];
  if (field === 6 && service !== undefined) return memberName(within(service.name), service.method, rest);
  return undefined;
};

const nameInMessage = (message: DescriptorProto, name: string, path: readonly number[]): string | undefined => {
  const [field, index = 0, ...rest] = path;
  if (field === undefined) return name;
  if (field === 2) return memberName(name, message.field, path);
  if (field === 8) return named(name, message.oneofDecl[index]?.name);
  const nested = message.nestedType[index];
  if (field === 3 && nested !== undefined) return nameInMessage(nested, `${name}.${nested.name}`, rest);
  const enumType = message.enumType[index];
  if (field === 4 && enumType !== undefined) return memberName(`${name}.${enumType.name}`, enumType.value, rest);
  return undefined;
};

/** Fields, enum values and methods are all number 2 in what holds them. */
const memberName = (
  name: string,
  members: readonly { readonly name: string }[],
  [field, index = 0, ...rest]: readonly number[],
): string | undefined => {
  if (field === undefined) return name;
  return field === 2 && rest.length === 0 ? named(name, members[index]?.name) : undefined;
};

const named = (parent: string, name: string | undefined): string | undefined =>
  name === undefined ? undefined : `${parent}.${name}`;

/** The first sentence of a method's comment without the method's name: `GetOrder returns …` begins with `Returns`. */
export const summaryOf = (comment: string, name: string): string => {
  const [sentence = ""] = comment.split(/\n\n|(?<=[.!?])\s/, 1);
  const text = sentence.startsWith(`${name} `) ? sentence.slice(name.length + 1) : sentence;
  return (text.charAt(0).toUpperCase() + text.slice(1)).replace(/[.:]$/, "");
};
