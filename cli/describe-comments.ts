import type {
  DescEnum,
  DescEnumValue,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  DescOneof,
  DescService,
} from "@bufbuild/protobuf";

/** What can have a comment. */
export type Commented = DescMessage | DescField | DescOneof | DescEnum | DescEnumValue | DescService | DescMethod;

/**
 * The lines of the comment above a declaration. Empty when the descriptors were generated without source information, as those of
 * compiled contracts are.
 */
export const commentOf = (desc: Commented): string[] => {
  const comments = commentsOf(fileOf(desc));
  if (comments.size === 0) return [];
  const text = comments.get(pathOf(desc).join());
  return text === undefined ? [] : text.replace(/\n$/, "").split("\n");
};

/** The comments of a file by place, worked out once: a file may have as many places as a contract has bytes. */
const commentsOf = (file: DescFile): ReadonlyMap<string, string> => {
  const known = COMMENTS.get(file);
  if (known !== undefined) return known;
  const comments = new Map<string, string>();
  for (const { path, leadingComments } of file.proto.sourceCodeInfo?.location ?? []) {
    if (leadingComments !== "") comments.set(path.join(), leadingComments);
  }
  COMMENTS.set(file, comments);
  return comments;
};

const COMMENTS = new WeakMap<DescFile, ReadonlyMap<string, string>>();

const fileOf = (desc: Commented): DescFile => {
  if ("file" in desc) return desc.file;
  return desc.parent.file;
};

/** The place of a declaration: field numbers and indexes in descriptor.proto, from the file down. */
const pathOf = (desc: Commented): number[] => {
  switch (desc.kind) {
    case "message":
      return desc.parent === undefined
        ? [4, desc.file.proto.messageType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), 3, desc.parent.proto.nestedType.indexOf(desc.proto)];
    case "enum":
      return desc.parent === undefined
        ? [5, desc.file.proto.enumType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), 4, desc.parent.proto.enumType.indexOf(desc.proto)];
    case "service":
      return [6, desc.file.proto.service.indexOf(desc.proto)];
    case "field":
      return [...pathOf(desc.parent), 2, desc.parent.proto.field.indexOf(desc.proto)];
    case "oneof":
      return [...pathOf(desc.parent), 8, desc.parent.proto.oneofDecl.indexOf(desc.proto)];
    case "enum_value":
      return [...pathOf(desc.parent), 2, desc.parent.proto.value.indexOf(desc.proto)];
    case "rpc":
      return [...pathOf(desc.parent), 2, desc.parent.proto.method.indexOf(desc.proto)];
  }
};
