import {
  type DescEnum,
  type DescEnumValue,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  toBinary,
} from "@bufbuild/protobuf";
import {
  EnumOptionsSchema,
  EnumValueOptionsSchema,
  FieldOptionsSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";

import { relatedTypes } from "./related-types.ts";

/** What a contract is made of. */
export type ContractElement = DescService | DescMethod | DescMessage | DescField | DescEnum | DescEnumValue;

/** One element that differs between two contracts; what is in an element that was added or removed is not listed again. */
export interface ContractChange {
  readonly kind: "added" | "removed" | "changed";
  /** The element's full name; a method's with a slash, such as `customer.v1.CustomerService/GetCustomer`. */
  readonly element: string;
  readonly before: ContractElement | undefined;
  readonly after: ContractElement | undefined;
}

/**
 * What differs between two contracts of a package, and in what its messages hold of others, by the elements' names: the declarations
 * with their options, not comments and not the order. Empty: callers cannot tell the two apart.
 */
export const changesBetween = (before: FileRegistry, after: FileRegistry, packageName: string): ContractChange[] => {
  const [was, is] = [elementsOf(before, packageName), elementsOf(after, packageName)];
  const changes: ContractChange[] = [];
  for (const element of [...new Set([...was.keys(), ...is.keys()])].sort()) {
    const [old, current] = [was.get(element), is.get(element)];
    if (old === undefined) {
      if (!is.get(current?.within ?? "") || was.has(current?.within ?? "")) {
        changes.push({ kind: "added", element, before: undefined, after: current?.desc });
      }
    } else if (current === undefined) {
      if (!was.get(old.within) || is.has(old.within)) {
        changes.push({ kind: "removed", element, before: old.desc, after: undefined });
      }
    } else if (old.signature !== current.signature) {
      changes.push({ kind: "changed", element, before: old.desc, after: current.desc });
    }
  }
  return changes;
};

interface Element {
  readonly desc: ContractElement;
  /** The element that it is a part of; empty for one of a file. */
  readonly within: string;
  /** The same for declarations that mean the same. */
  readonly signature: string;
}

const elementsOf = (registry: FileRegistry, packageName: string): Map<string, Element> => {
  const elements = new Map<string, Element>();
  for (const type of relatedTypes(registry, packageName).values()) {
    const add = (name: string, desc: ContractElement, signature: readonly unknown[]) =>
      elements.set(name, { desc, within: type.typeName, signature: JSON.stringify(signature) });
    const within = type.kind === "service" ? "" : (type.parent?.typeName ?? "");
    elements.set(type.typeName, { desc: type, within, signature: JSON.stringify(signatureOf(type)) });
    if (type.kind === "service") {
      for (const method of type.methods) add(`${type.typeName}/${method.name}`, method, methodSignature(method));
    } else if (type.kind === "message") {
      for (const field of type.fields) add(`${type.typeName}.${field.name}`, field, fieldSignature(field));
    } else {
      for (const value of type.values) add(`${type.typeName}.${value.name}`, value, valueSignature(value));
    }
  }
  return elements;
};

const signatureOf = (type: DescService | DescMessage | DescEnum): unknown[] => {
  switch (type.kind) {
    case "service":
      return ["service", bytes(type.proto.options && toBinary(ServiceOptionsSchema, type.proto.options))];
    case "message":
      return [
        "message",
        type.proto.reservedRange.map(({ start, end }) => [start, end]),
        type.proto.reservedName,
        type.proto.extensionRange.map(({ start, end }) => [start, end]),
        bytes(type.proto.options && toBinary(MessageOptionsSchema, type.proto.options)),
      ];
    case "enum":
      return [
        "enum",
        type.open,
        type.proto.reservedRange.map(({ start, end }) => [start, end]),
        type.proto.reservedName,
        bytes(type.proto.options && toBinary(EnumOptionsSchema, type.proto.options)),
      ];
  }
};

const methodSignature = ({ input, output, proto }: DescMethod): unknown[] => [
  input.typeName,
  output.typeName,
  proto.clientStreaming,
  proto.serverStreaming,
  bytes(proto.options && toBinary(MethodOptionsSchema, proto.options)),
];

const fieldSignature = (field: DescField): unknown[] => [
  field.number,
  field.proto.label,
  field.proto.type,
  field.proto.typeName,
  field.jsonName,
  field.proto.defaultValue,
  field.oneof?.name,
  field.presence,
  field.fieldKind === "list" && field.packed,
  bytes(field.proto.options && toBinary(FieldOptionsSchema, field.proto.options)),
];

const valueSignature = ({ number, proto }: DescEnumValue): unknown[] => [
  number,
  bytes(proto.options && toBinary(EnumValueOptionsSchema, proto.options)),
];

const bytes = (options: Uint8Array | undefined): string =>
  options === undefined ? "" : Buffer.from(options).toString("base64");
