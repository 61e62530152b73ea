import { create, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { isJson, isUnwrapped } from "./local-message.ts";
import { readMap } from "./read-map.ts";
import { type FieldsOf, mergeMessage, type ReadField, readMessage, type Target } from "./read-message.ts";
import { type ReadScalar, readEnd, readInt32, scalarReader } from "./read-scalar.ts";
import { unusual } from "./unusual.ts";
import { LENGTH_DELIMITED, tagOf, wireTypeOf } from "./write-scalar.ts";

/** The readers of a field by the tags that it may have; none for a field that is left to protobuf-es. */
export const fieldReaders = (field: DescField, fieldsOf: FieldsOf): (readonly [number, ReadField])[] => {
  if (field.fieldKind === "map")
    return isLeft(field) ? [] : [[tagOf(field, LENGTH_DELIMITED), readMap(field, fieldsOf)]];
  const { message } = field;
  if (message !== undefined) {
    return isLeft(field) ? [] : [[tagOf(field, LENGTH_DELIMITED), messageFieldReader(field, message, fieldsOf)]];
  }
  const type = field.scalar ?? ScalarType.INT32;
  const tag = tagOf(field, wireTypeOf(type));
  if (field.fieldKind !== "list") return [[tag, scalarFieldReader(field, valueReader(field, type))]];
  const read = scalarReader(type, isLongAsString(field));
  const one = [tag, readItem(field.localName, read)] as const;
  const packedTag = tagOf(field, LENGTH_DELIMITED);
  // A list of numbers may come in either form, whatever the contract says.
  return tag === packedTag ? [one] : [one, [packedTag, readPacked(field.localName, read)]];
};

/** Groups, JSON, and names that every object has. */
const isLeft = (field: DescField): boolean =>
  (field.message !== undefined && isJson(field, field.message)) ||
  ("delimitedEncoding" in field && field.delimitedEncoding === true) ||
  field.localName in Object.prototype;

const isLongAsString = (field: DescField): boolean => "longAsString" in field && field.longAsString === true;

const valueReader = (field: DescField, type: ScalarType): ReadScalar => {
  const known = field.enum !== undefined && !field.enum.open ? field.enum.value : undefined;
  if (known === undefined) return scalarReader(type, isLongAsString(field));
  return (input) => {
    const number = readInt32(input);
    // It is kept as an unknown field.
    if (known[number] === undefined) throw unusual;
    return number;
  };
};

const scalarFieldReader = ({ localName, oneof }: DescField, read: ReadScalar): ReadField => {
  if (oneof === undefined) {
    return (input, message) => {
      message[localName] = read(input);
    };
  }
  return (input, message) => {
    message[oneof.localName] = { case: localName, value: read(input) };
  };
};

const readItem = (localName: string, read: ReadScalar): ReadField => {
  return (input, message) => {
    (message[localName] as unknown[]).push(read(input));
  };
};

const readPacked = (localName: string, read: ReadScalar): ReadField => {
  return (input, message) => {
    const items = message[localName] as unknown[];
    const end = readEnd(input);
    while (input.pos < end) items.push(read(input));
    if (input.pos !== end) throw unusual;
  };
};

const messageFieldReader = (field: DescField, schema: DescMessage, fieldsOf: FieldsOf): ReadField => {
  const { localName } = field;
  const table = fieldsOf(schema);
  if (field.fieldKind === "list") return readItem(localName, (input) => readMessage(input, table, readEnd(input)));
  if (isUnwrapped(field, schema)) {
    return (input, message) => {
      const wrapper = create(schema) as unknown as Target;
      const before = message[localName];
      if (before !== undefined) wrapper.value = before;
      mergeMessage(input, table, readEnd(input), wrapper);
      message[localName] = wrapper.value;
    };
  }
  const { oneof } = field;
  if (oneof !== undefined) {
    return (input, message) => {
      const before = message[oneof.localName] as { readonly case: string | undefined; readonly value: Target };
      if (before.case === localName) mergeMessage(input, table, readEnd(input), before.value);
      const value = before.case === localName ? before.value : readMessage(input, table, readEnd(input));
      message[oneof.localName] = { case: localName, value };
    };
  }
  return (input, message) => {
    const before = message[localName] as Target | undefined;
    if (before === undefined) message[localName] = readMessage(input, table, readEnd(input));
    else mergeMessage(input, table, readEnd(input), before);
  };
};
