import type { FileDescriptorProto, SourceCodeInfo_Location } from "@bufbuild/protobuf/wkt";
import { FieldDescriptorProto_Type } from "@bufbuild/protobuf/wkt";
import type { FieldNode, MessageNode, Node, SourcePath } from "./contract-tree.ts";
import { typeNameOf } from "./contract-tree.ts";

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
 * The place of a feature. It may be set as part of a larger literal, or literally field by field: the longest recorded path
 * that leads to it and names its option, or the first that leads out of it.
 *
 * @param options The path of the options and the number of `features` in them.
 */
export const featurePlaceOf = (
  file: FileDescriptorProto,
  options: SourcePath,
  feature: SourcePath,
): Place | undefined => {
  const path = [...options, ...feature];
  const exact = placeOf(file, path);
  if (exact !== undefined) return exact;
  let best: SourceCodeInfo_Location | undefined;
  for (const location of file.sourceCodeInfo?.location ?? []) {
    const length = location.path.length;
    if (!location.path.every((step, index) => index >= path.length || step === path[index])) continue;
    if (length >= path.length) return placeAt(file, location.span);
    if (length >= options.length && length > (best?.path.length ?? 0)) best = location;
  }
  return best === undefined ? undefined : placeAt(file, best.span);
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
  const index = parent.proto.field.findIndex(
    ({ type, typeName }) => type === FieldDescriptorProto_Type.MESSAGE && typeNameOf(typeName) === entry.fullName,
  );
  return index === -1 ? undefined : placeOf(entry.file, [...parent.path, 2, index, TYPE_NAME]);
};

const placeAt = (file: FileDescriptorProto, [line, column]: readonly number[]): Place => ({
  file: file.name,
  line: (line ?? 0) + 1,
  column: (column ?? 0) + 1,
});

const known = new WeakMap<FileDescriptorProto, ReadonlyMap<string, readonly number[]>>();

const spansOf = (file: FileDescriptorProto): ReadonlyMap<string, readonly number[]> => {
  let spans = known.get(file);
  if (spans === undefined) {
    const first = new Map<string, readonly number[]>();
    for (const { path, span } of file.sourceCodeInfo?.location ?? []) {
      const key = path.join(" ");
      if (!first.has(key)) first.set(key, span);
    }
    spans = first;
    known.set(file, spans);
  }
  return spans;
};
