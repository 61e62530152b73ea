import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { FieldDescriptorProto_Type } from "@bufbuild/protobuf/wkt";
import type { FieldNode, MessageNode, Node, SourcePath } from "./contract-tree.ts";
import { typeNameOf } from "./contract-tree.ts";
import { memo } from "./memo.ts";

/** Where in a file something stands. Line and column count from 1; both are absent when the set does not say. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** The place of a path in a file: the first that is recorded. */
export const placeOf = (file: FileDescriptorProto, path: SourcePath): Place | undefined => {
  const span = spansOf(file).get(path.join(" "));
  return span === undefined ? undefined : placeAt(file, span);
};

/**
 * The place of a feature. It may be set as part of a larger literal: the longest recorded path that leads to it and still
 * is one of its options.
 *
 * @param options The path of the options and the number of `features` in them.
 */
export const featurePlaceOf = (
  file: FileDescriptorProto,
  options: SourcePath,
  feature: SourcePath,
): Place | undefined => {
  for (let length = feature.length; length >= 0; length -= 1) {
    const place = placeOf(file, [...options, ...feature.slice(0, length)]);
    if (place !== undefined) return place;
  }
  return undefined;
};

/** The place of an element. An entry of a map, which nobody has written, stands where the map's type does. */
export const nodePlaceOf = (node: Node<unknown, unknown>): Place | undefined => placeOf(node.file, node.path);

export const messagePlaceOf = (message: MessageNode): Place | undefined => nodePlaceOf(message) ?? mapPlaceOf(message);

/** The place of a field, or of a part of it, by the part's number in FieldDescriptorProto. */
export const fieldPlaceOf = (field: FieldNode, ...part: number[]): Place | undefined =>
  placeOf(field.file, [...field.path, ...part]) ?? (field.parent === undefined ? undefined : mapPlaceOf(field.parent));

const TYPE_NAME = 6;

const mapPlaceOf = (entry: MessageNode): Place | undefined => {
  const { parent } = entry;
  if (entry.proto.options?.mapEntry !== true || parent === undefined) return undefined;
  const index = mapFieldsOf(parent).get(entry.fullName);
  return index === undefined ? undefined : placeOf(entry.file, [...parent.path, 2, index, TYPE_NAME]);
};

/** The indexes of a message's fields by the name of the message that they hold. */
const mapFieldsOf = memo((message: MessageNode): ReadonlyMap<string, number> => {
  const indexes = new Map<string, number>();
  message.proto.field.forEach(({ type, typeName }, index) => {
    if (type === FieldDescriptorProto_Type.MESSAGE) indexes.set(typeNameOf(typeName), index);
  });
  return indexes;
});

const placeAt = (file: FileDescriptorProto, [line, column]: readonly number[]): Place => ({
  file: file.name,
  line: (line ?? 0) + 1,
  column: (column ?? 0) + 1,
});

const spansOf = memo((file: FileDescriptorProto): ReadonlyMap<string, readonly number[]> => {
  const spans = new Map<string, readonly number[]>();
  for (const { path, span } of file.sourceCodeInfo?.location ?? []) {
    const key = path.join(" ");
    if (!spans.has(key)) spans.set(key, span);
  }
  return spans;
});
