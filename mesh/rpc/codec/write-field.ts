import { create, type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import { localMessage } from "./local-message.ts";
import { unusual } from "./unusual.ts";
import { writeMap } from "./write-map.ts";
import { type Fields, LengthPlace, type MessageWriters, type WriteField, writeMessage } from "./write-message.ts";
import {
  END_GROUP,
  LENGTH_DELIMITED,
  START_GROUP,
  scalarWriter,
  tagOf,
  type WriteScalar,
  wireTypeOf,
  writeString,
  writeVarint,
} from "./write-scalar.ts";

/** The writers of all fields of a message, in the order in which they are written. */
export const fieldWriters = (schema: DescMessage, writers: MessageWriters): WriteField[] => {
  const sorted = schema.fields.toSorted((a, b) => a.number - b.number);
  const unset: Fields = Object.getPrototypeOf(create(schema));
  const steps: WriteField[] = [];
  for (let index = 0; index < sorted.length; index++) {
    const field = sorted[index] as DescField;
    const { oneof } = field;
    if (oneof === undefined) {
      steps.push(fieldWriter(field, unset[field.localName], writers));
      continue;
    }
    // At most one of them is set, so those that follow each other are one step.
    const cases = new Map<string, WriteScalar>();
    let last = index;
    for (; sorted[last]?.oneof === oneof; last++) {
      const member = sorted[last] as DescField;
      cases.set(member.localName, valueWriter(member, writers));
    }
    steps.push(writeOneof(oneof, cases));
    index = last - 1;
  }
  return steps;
};

const fieldWriter = (field: DescField, inherited: unknown, writers: MessageWriters): WriteField => {
  switch (field.fieldKind) {
    case "list":
      return field.packed ? writePacked(field) : writeList(field.localName, valueWriter(field, writers));
    case "map":
      return writeMap(field, writers);
    default:
      return field.presence === Presence.IMPLICIT
        ? writeImplicit(field, valueWriter(field, writers))
        : writeExplicit(field, inherited, valueWriter(field, writers));
  }
};

const writeOneof = ({ localName }: DescOneof, cases: ReadonlyMap<string, WriteScalar>): WriteField => {
  return (out, pos, message) => {
    const group = message[localName] as { readonly case: string | undefined; readonly value: unknown };
    if (group.case === undefined) return pos;
    const write = cases.get(group.case);
    return write === undefined ? pos : write(out, pos, group.value);
  };
};

/** A field that is set when it differs from its zero. */
const writeImplicit = (field: DescField, write: WriteScalar): WriteField => {
  const { localName } = field;
  if (field.fieldKind === "enum") {
    return writeUnless(localName, field.enum.values[0]?.number, write);
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return writeImplicitString(field);
    case ScalarType.BOOL:
      return writeUnless(localName, false, write);
    case ScalarType.BYTES:
      return (out, pos, message) => {
        const value = message[localName];
        return value instanceof Uint8Array && value.length === 0 ? pos : write(out, pos, value);
      };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return (out, pos, message) => {
        const value = message[localName];
        // -0 is not the zero.
        return Object.is(value, 0) ? pos : write(out, pos, value);
      };
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return (out, pos, message) => {
        const value = message[localName];
        const isZero = typeof value === "bigint" ? value === 0n : isTextOrNumber(value) && Number(value) === 0;
        return isZero ? pos : write(out, pos, value);
      };
    default:
      return writeUnless(localName, 0, write);
  }
};

const isTextOrNumber = (value: unknown): boolean => typeof value === "string" || typeof value === "number";

const writeUnless = (localName: string, zero: unknown, write: WriteScalar): WriteField => {
  return (out, pos, message) => {
    const value = message[localName];
    return value === zero ? pos : write(out, pos, value);
  };
};

const writeImplicitString = (field: DescField): WriteField => {
  const { localName } = field;
  const tag = tagOf(field, LENGTH_DELIMITED);
  return (out, pos, message) => {
    const value = message[localName];
    return value === "" ? pos : writeString(out, writeVarint(out.bytes, pos, tag), value);
  };
};

/** A field that is set when the message itself has it; `inherited` is what its prototype has in its place. */
const writeExplicit = (field: DescField, inherited: unknown, write: WriteScalar): WriteField => {
  const { localName } = field;
  const required = field.presence === Presence.LEGACY_REQUIRED;
  if (inherited === undefined && !required) {
    return (out, pos, message) => {
      const value = message[localName];
      return value === undefined ? pos : write(out, pos, value);
    };
  }
  return (out, pos, message) => {
    const value = message[localName];
    if (value !== undefined && Object.hasOwn(message, localName)) return write(out, pos, value);
    if (required) throw unusual;
    return pos;
  };
};

const writeList = (localName: string, write: WriteScalar): WriteField => {
  return (out, start, message) => {
    const items = message[localName] as readonly unknown[];
    let pos = start;
    for (let index = 0; index < items.length; index++) pos = write(out, pos, items[index]);
    return pos;
  };
};

const writePacked = (field: DescField): WriteField => {
  const { localName } = field;
  const tag = tagOf(field, LENGTH_DELIMITED);
  const write = scalarWriter(field.scalar ?? ScalarType.INT32);
  const length = new LengthPlace();
  return (out, pos, message) => {
    const items = message[localName] as readonly unknown[];
    if (items.length === 0) return pos;
    const place = writeVarint(out.bytes, pos, tag);
    const start = length.contentStart(out, place);
    let end = start;
    for (let index = 0; index < items.length; index++) end = write(out, end, items[index]);
    return length.close(out, place, start, end);
  };
};

/** Writes one value of a field, or one item of a list that is not packed, with its tag. */
const valueWriter = (field: DescField, writers: MessageWriters): WriteScalar => {
  if (field.message !== undefined) return messageWriter(field, field.message, writers);
  const type = field.scalar ?? ScalarType.INT32;
  const tag = tagOf(field, wireTypeOf(type));
  const write = scalarWriter(type);
  return (out, pos, value) => write(out, writeVarint(out.bytes, pos, tag), value);
};

const messageWriter = (field: DescField, schema: DescMessage, writers: MessageWriters): WriteScalar => {
  const writer = writers(schema);
  const toMessage = localMessage(field, schema);
  if (isDelimited(field)) {
    const startTag = tagOf(field, START_GROUP);
    const endTag = tagOf(field, END_GROUP);
    return (out, pos, value) => {
      const end = writeMessage(out, writeVarint(out.bytes, pos, startTag), writer, toMessage(value));
      return writeVarint(out.bytes, end, endTag);
    };
  }
  const tag = tagOf(field, LENGTH_DELIMITED);
  const length = new LengthPlace();
  return (out, pos, value) => {
    const place = writeVarint(out.bytes, pos, tag);
    const start = length.contentStart(out, place);
    return length.close(out, place, start, writeMessage(out, start, writer, toMessage(value)));
  };
};

const isDelimited = (field: DescField): boolean =>
  (field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message")) &&
  field.delimitedEncoding;
