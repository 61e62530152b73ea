import { createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import type { DescriptorProto, FieldDescriptorProto, FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import { defaultJsonName } from "./default-json-name.ts";

/**
 * The types of a descriptor set. Some runtimes, Python's among them, hand out descriptors without the JSON names of fields; they get
 * those that a compiler gives, in place.
 *
 * @throws Error when the files do not fit together.
 */
export const fileRegistryOf = (set: FileDescriptorSet): FileRegistry => {
  for (const { messageType, extension } of set.file) {
    nameFields(extension);
    nameIn(messageType);
  }
  return createFileRegistry(set);
};

const nameIn = (messages: readonly DescriptorProto[]): void => {
  for (const { field, extension, nestedType } of messages) {
    nameFields(field);
    nameFields(extension);
    nameIn(nestedType);
  }
};

const nameFields = (fields: readonly FieldDescriptorProto[]): void => {
  for (const field of fields) if (field.jsonName === "") field.jsonName = defaultJsonName(field.name);
};
