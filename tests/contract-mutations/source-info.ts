import { create } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { FileDescriptorProtoSchema, SourceCodeInfo_LocationSchema, SourceCodeInfoSchema } from "@bufbuild/protobuf/wkt";
import type { Chance } from "./chance.ts";

/**
 * Gives every element of a file a line of its own, as a compiler would, so that both judges can be asked for the place.
 *
 * @param kept Which part of the places of an element's parts is recorded, 0 to 1: without its own, that of the element
 * stands for it. Those of elements are always recorded.
 */
export const addSourceInfo = (file: FileDescriptorProto, chance: Chance, kept: number): void => {
  const paths: number[][] = [];
  const add = (path: number[], isElement: boolean): void => {
    if (isElement || chance.below(100) < kept * 100) paths.push(path);
  };
  collect(reflect(FileDescriptorProtoSchema, file), [], add);
  const location = paths.map((path, index) =>
    create(SourceCodeInfo_LocationSchema, { path, span: [index * 2, path.length, path.length + 5] }),
  );
  file.sourceCodeInfo = create(SourceCodeInfoSchema, { location });
};

const collect = (
  message: ReflectMessage,
  path: readonly number[],
  add: (path: number[], isElement: boolean) => void,
): void => {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const at = [...path, field.number];
    if (field.fieldKind !== "list") {
      add(at, false);
      if (field.fieldKind === "message") collect(message.get(field), at, add);
      continue;
    }
    if (field.listKind !== "message") {
      add(at, false);
      continue;
    }
    let index = 0;
    for (const item of message.get(field)) {
      const child = item as ReflectMessage;
      // Nobody writes the entry of a map: the compiler makes it, and says of no place.
      if (!isMapEntry(child)) {
        add([...at, index], true);
        collect(child, [...at, index], add);
      }
      index += 1;
    }
  }
};

const isMapEntry = (message: ReflectMessage): boolean => {
  const { message: proto } = message;
  return proto.$typeName === "google.protobuf.DescriptorProto" && "options" in proto
    ? (proto.options as { mapEntry?: boolean } | undefined)?.mapEntry === true
    : false;
};
