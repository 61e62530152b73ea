import { clearField, isFieldSet } from "@bufbuild/protobuf";
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
  ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/** Something declared, the list that it stands in, and its name as references have it: with a leading dot. */
export interface Declared<T> {
  readonly proto: T;
  readonly list: T[];
  readonly file: FileDescriptorProto;
  readonly typeName: string;
  readonly parent: DescriptorProto | undefined;
}

/** The messages of all depths; the entries of maps only if asked for. */
export const messagesOf = (files: readonly FileDescriptorProto[]): Declared<DescriptorProto>[] =>
  files.flatMap((file) => {
    const found: Declared<DescriptorProto>[] = [];
    const add = (list: DescriptorProto[], scope: string, parent?: DescriptorProto): void => {
      for (const proto of list) {
        if (proto.options?.mapEntry) continue;
        const typeName = `${scope}.${proto.name}`;
        found.push({ proto, list, file, typeName, parent });
        add(proto.nestedType, typeName, proto);
      }
    };
    add(file.messageType, `.${file.package}`);
    return found;
  });

export const enumsOf = (files: readonly FileDescriptorProto[]): Declared<EnumDescriptorProto>[] => {
  const nested = messagesOf(files).flatMap(({ proto: parent, file, typeName: scope }) =>
    parent.enumType.map((proto) => ({
      proto,
      list: parent.enumType,
      file,
      typeName: `${scope}.${proto.name}`,
      parent,
    })),
  );
  const top = files.flatMap((file) =>
    file.enumType.map((proto) => {
      const typeName = `.${file.package}.${proto.name}`;
      return { proto, list: file.enumType, file, typeName, parent: undefined };
    }),
  );
  return [...top, ...nested];
};

export const servicesOf = (files: readonly FileDescriptorProto[]): Declared<ServiceDescriptorProto>[] =>
  files.flatMap((file) =>
    file.service.map((proto) => {
      const typeName = `.${file.package}.${proto.name}`;
      return { proto, list: file.service, file, typeName, parent: undefined };
    }),
  );

export const extensionsOf = (files: readonly FileDescriptorProto[]): Declared<FieldDescriptorProto>[] => {
  const listed = (list: FieldDescriptorProto[], file: FileDescriptorProto, parent?: DescriptorProto) =>
    list.map((proto) => ({ proto, list, file, typeName: "", parent }));
  return [
    ...files.flatMap((file) => listed(file.extension, file)),
    ...messagesOf(files).flatMap(({ proto, file }) => listed(proto.extension, file, proto)),
  ];
};

/** Every field that somebody wrote: not those of a map's entries. */
export const fieldsOf = (files: readonly FileDescriptorProto[]): Declared<FieldDescriptorProto>[] =>
  messagesOf(files).flatMap(({ proto: parent, file, typeName }) =>
    parent.field.map((proto) => ({ proto, list: parent.field, file, typeName, parent })),
  );

export const isMessageType = ({ type }: FieldDescriptorProto): boolean =>
  type === FieldDescriptorProto_Type.MESSAGE || type === FieldDescriptorProto_Type.GROUP;

export const isRepeated = ({ label }: FieldDescriptorProto): boolean => label === FieldDescriptorProto_Label.REPEATED;

export const isInOneof = (field: FieldDescriptorProto): boolean =>
  isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex);

/** The entry of a field that is a map. */
export const entryOf = ({ proto, parent }: Declared<FieldDescriptorProto>): DescriptorProto | undefined =>
  parent?.nestedType.find(
    ({ name, options }) => options?.mapEntry && isMessageType(proto) && proto.typeName.endsWith(`.${name}`),
  );

/** Takes a field out of its oneof, and the oneof out of the message when it was its last. */
export const leaveOneof = (message: DescriptorProto, field: FieldDescriptorProto): void => {
  if (!isInOneof(field)) return;
  const index = field.oneofIndex;
  clearField(field, FieldDescriptorProtoSchema.field.oneofIndex);
  field.proto3Optional = false;
  if (message.field.some((other) => isInOneof(other) && other.oneofIndex === index)) return;
  message.oneofDecl.splice(index, 1);
  for (const other of message.field) if (isInOneof(other) && other.oneofIndex > index) other.oneofIndex -= 1;
};

/** Puts the fields of a oneof side by side again, as they stand in a file. */
export const regroup = (message: DescriptorProto): void => {
  const first = (field: FieldDescriptorProto): FieldDescriptorProto =>
    isInOneof(field)
      ? (message.field.find((other) => isInOneof(other) && other.oneofIndex === field.oneofIndex) ?? field)
      : field;
  const places = new Map(message.field.map((field) => [field, message.field.indexOf(first(field))]));
  message.field.sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
};

export const removeField = (declared: Declared<FieldDescriptorProto>): void => {
  const { proto, list, parent } = declared;
  if (parent?.field === list) {
    leaveOneof(parent, proto);
    const entry = entryOf(declared);
    if (entry !== undefined) parent.nestedType.splice(parent.nestedType.indexOf(entry), 1);
  }
  list.splice(list.indexOf(proto), 1);
};

/** Removes a type that is gone from whatever refers to it. */
export const dropReferences = (files: readonly FileDescriptorProto[], gone: (typeName: string) => boolean): void => {
  for (const field of [...fieldsOf(files), ...extensionsOf(files)]) {
    const value = entryOf(field)?.field[1];
    if (gone(field.proto.typeName) || gone(field.proto.extendee) || (value && gone(value.typeName))) removeField(field);
  }
  for (const { proto } of servicesOf(files)) {
    proto.method = proto.method.filter(({ inputType, outputType }) => !gone(inputType) && !gone(outputType));
  }
};

/** Gives a type another name wherever it is referred to; what is declared in it moves along. */
export const redirect = (files: readonly FileDescriptorProto[], from: string, to: string): void => {
  const moved = (name: string): string =>
    name === from || name.startsWith(`${from}.`) ? to + name.slice(from.length) : name;
  const fields = [
    ...fieldsOf(files),
    ...extensionsOf(files),
    ...fieldsOf(files).flatMap((field) => entryOf(field)?.field.map((proto) => ({ proto })) ?? []),
  ];
  for (const { proto } of fields) {
    if (proto.typeName !== "") proto.typeName = moved(proto.typeName);
    if (proto.extendee !== "") proto.extendee = moved(proto.extendee);
  }
  for (const { method } of servicesOf(files).map(({ proto }) => proto)) {
    for (const rpc of method) {
      rpc.inputType = moved(rpc.inputType);
      rpc.outputType = moved(rpc.outputType);
    }
  }
};
