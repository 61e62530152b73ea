import { create, type DescField, ScalarType } from "@bufbuild/protobuf";
import type { Input } from "./input.ts";
import { type FieldsOf, mergeMessage, type ReadField, readMessage, readTag, type Target } from "./read-message.ts";
import { readEnd, scalarReader } from "./read-scalar.ts";
import { unusual } from "./unusual.ts";
import { LENGTH_DELIMITED, tagOf, wireTypeOf } from "./write-scalar.ts";

type MapField = DescField & { fieldKind: "map" };

/** How the values of a map are read. */
interface MapValue {
  readonly tag: number;
  /** `before` is a value that stood earlier in the same entry. */
  read(input: Input, before: unknown): unknown;
  /** The value of an entry that has none. */
  zero(): unknown;
}

/** Reads one entry of a map: a message whose field 1 is the key and field 2 the value. */
export const readMap = (field: MapField, fieldsOf: FieldsOf): ReadField => {
  const { localName } = field;
  const keyTag = tagOf({ number: 1 }, wireTypeOf(field.mapKey));
  const readKey = scalarReader(field.mapKey, false);
  const keyZero = scalarZero(field.mapKey);
  const map = mapValue(field, fieldsOf);
  return (input, message) => {
    const end = readEnd(input);
    let key: unknown;
    let value: unknown;
    while (input.pos < end) {
      const tag = readTag(input);
      if (tag === keyTag) key = readKey(input);
      else if (tag === map.tag) value = map.read(input, value);
      else throw unusual;
    }
    if (input.pos !== end) throw unusual;
    setEntry(message[localName] as Target, String(key ?? keyZero), value ?? map.zero());
  };
};

const mapValue = (field: MapField, fieldsOf: FieldsOf): MapValue => {
  if (field.mapKind === "message") {
    const schema = field.message;
    const table = fieldsOf(schema);
    return {
      tag: tagOf({ number: 2 }, LENGTH_DELIMITED),
      read(input, before) {
        if (before === undefined) return readMessage(input, table, readEnd(input));
        mergeMessage(input, table, readEnd(input), before as Target);
        return before;
      },
      zero: () => create(schema),
    };
  }
  const type = field.scalar ?? ScalarType.INT32;
  const first = field.enum?.values[0]?.number;
  return {
    tag: tagOf({ number: 2 }, wireTypeOf(type)),
    read: scalarReader(type, false),
    zero: () => first ?? scalarZero(type),
  };
};

const setEntry = (record: Target, key: string, value: unknown): void => {
  if (key !== "__proto__") record[key] = value;
  else Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
};

const scalarZero = (type: ScalarType): unknown => {
  switch (type) {
    case ScalarType.STRING:
      return "";
    case ScalarType.BYTES:
      return new Uint8Array(0);
    case ScalarType.BOOL:
      return false;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return 0n;
    default:
      return 0;
  }
};
