import { type DescField, ScalarType } from "@bufbuild/protobuf";
import { localMessage } from "./local-message.ts";
import { unusual } from "./unusual.ts";
import { type Fields, LengthPlace, type MessageWriters, type WriteField, writeMessage } from "./write-message.ts";
import { LENGTH_DELIMITED, scalarWriter, tagOf, type WriteScalar, wireTypeOf, writeVarint } from "./write-scalar.ts";

/** Writes a map as its entries: messages whose field 1 is the key and field 2 the value. */
export const writeMap = (field: DescField & { fieldKind: "map" }, writers: MessageWriters): WriteField => {
  const { localName } = field;
  const tag = tagOf(field, LENGTH_DELIMITED);
  const writeKey = keyWriter(field.mapKey);
  const writeValue = mapValueWriter(field, writers);
  const length = new LengthPlace();
  return (out, startPos, message) => {
    const record = message[localName] as Fields;
    let pos = startPos;
    for (const key of Object.keys(record)) {
      const place = writeVarint(out.bytes, pos, tag);
      const start = length.contentStart(out, place);
      const end = writeValue(out, writeKey(out, start, key), record[key]);
      pos = length.close(out, place, start, end);
    }
    return pos;
  };
};

const mapValueWriter = (field: DescField & { fieldKind: "map" }, writers: MessageWriters): WriteScalar => {
  if (field.mapKind !== "message") return tagged(VALUE, field.scalar ?? ScalarType.INT32);
  const writer = writers(field.message);
  const toMessage = localMessage(field, field.message);
  const tag = tagOf(VALUE, LENGTH_DELIMITED);
  const length = new LengthPlace();
  return (out, pos, value) => {
    const place = writeVarint(out.bytes, pos, tag);
    const start = length.contentStart(out, place);
    return length.close(out, place, start, writeMessage(out, start, writer, toMessage(value)));
  };
};

/** Keys are strings here, whatever they are in the contract. */
const keyWriter = (type: ScalarType): WriteScalar => {
  const write = tagged(KEY, type);
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return write;
    case ScalarType.BOOL:
      return (out, pos, key) => {
        if (key !== "true" && key !== "false") throw unusual;
        return write(out, pos, key === "true");
      };
    default:
      // biome-ignore lint/correctness/useParseIntRadix: protobuf-es has none, so that 0x10 is a key of 16.
      return (out, pos, key) => write(out, pos, Number.parseInt(key as string));
  }
};

const tagged = (field: { readonly number: number }, type: ScalarType): WriteScalar => {
  const tag = tagOf(field, wireTypeOf(type));
  const write = scalarWriter(type);
  return (out, pos, value) => write(out, writeVarint(out.bytes, pos, tag), value);
};

const KEY = { number: 1 };
const VALUE = { number: 2 };
