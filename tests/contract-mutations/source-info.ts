import { create } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { FileDescriptorProtoSchema, SourceCodeInfo_LocationSchema, SourceCodeInfoSchema } from "@bufbuild/protobuf/wkt";
import type { Chance } from "./chance.ts";

/**
 * Gives every element of a file a line of its own, as a compiler would, so that both judges can be asked for the place.
 *
 * @param kept Which part of the places is recorded, 0 to 1.
 */
export const addSourceInfo = (file: FileDescriptorProto, chance: Chance, kept: number): void => {
  file.sourceCodeInfo = undefined;
  if (kept === 0) return;
  const paths: number[][] = [];
  collect(reflect(FileDescriptorProtoSchema, file), [], paths);
  const recorded = paths.filter(() => chance.below(100) < kept * 100);
  const location = recorded.map((path, index) =>
    create(SourceCodeInfo_LocationSchema, { path, span: [index * 2, path.length, path.length + 5] }),
  );
  file.sourceCodeInfo = create(SourceCodeInfoSchema, { location });
};

const collect = (message: ReflectMessage, path: readonly number[], paths: number[][]): void => {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const at = [...path, field.number];
    if (field.fieldKind === "list") {
      if (field.listKind !== "message") {
        paths.push(at);
        continue;
      }
      let index = 0;
      for (const item of message.get(field)) {
        const child = item as ReflectMessage;
        // Nobody writes the entry of a map: the compiler makes it, and says of no place.
        if (!isMapEntry(child)) {
          paths.push([...at, index]);
          collect(child, [...at, index], paths);
        }
        index += 1;
      }
    } else {
      paths.push(at);
      if (field.fieldKind === "message") collect(message.get(field), at, paths);
    }
  }
};

const isMapEntry = (message: ReflectMessage): boolean => {
  const { message: proto } = message;
  return proto.$typeName === "google.protobuf.DescriptorProto" && "options" in proto
    ? (proto.options as { mapEntry?: boolean } | undefined)?.mapEntry === true
    : false;
};
