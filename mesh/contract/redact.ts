import type { DescEnum, DescField, DescMessage, Message, Registry } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { isReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type Any, AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import { isSensitive } from "./sensitivity.ts";

/** What stands in a log in the place of a sensitive value. */
export const REDACTED = "[redacted]";

/** A value that JSON.stringify takes as it is. */
export type LogValue = string | number | boolean | null | LogValue[] | { [name: string]: LogValue };

/**
 * A message as a plain object for a log: populated fields by their JSON names, 64-bit integers as strings, enums by name,
 * times and durations as text, bytes as their count. The values of sensitive fields are replaced by `[redacted]`, at any
 * depth, in lists and maps, and within an Any whose type `registry` knows; of an Any that it does not know only type and
 * size are shown. Never throws for a message of the schema. Compiled once per message type.
 */
export const redact = (schema: DescMessage, message: Message, registry?: Registry): { [name: string]: LogValue } =>
  viewOf(schema)(reflect(schema, message), registry);

type View = (message: ReflectMessage, registry: Registry | undefined) => { [name: string]: LogValue };
type Show = (value: unknown, registry: Registry | undefined) => LogValue;

const views = new WeakMap<DescMessage, View>();

const viewOf = (schema: DescMessage): View => {
  const known = views.get(schema);
  if (known !== undefined) return known;
  let fields: { field: DescField; show: Show }[] | undefined;
  const view: View = (message, registry) => {
    // On first use, not now: types may contain themselves.
    fields ??= schema.fields.map((field) => ({ field, show: isSensitive(field) ? hide : compile(field) }));
    const shown: { [name: string]: LogValue } = {};
    for (const { field, show } of fields) {
      if (message.isSet(field)) shown[field.jsonName || field.localName] = show(message.get(field), registry);
    }
    return shown;
  };
  views.set(schema, view);
  return view;
};

const hide: Show = () => REDACTED;

const compile = (field: DescField): Show => {
  const single = compileSingle(field);
  if (field.fieldKind === "list") {
    return (value, registry) => Array.from(value as Iterable<unknown>, (item) => single(item, registry));
  }
  if (field.fieldKind === "map") {
    return (value, registry) =>
      Object.fromEntries(
        Array.from(value as ReadonlyMap<unknown, unknown>, ([key, item]) => [String(key), single(item, registry)]),
      );
  }
  return single;
};

const compileSingle = (field: DescField): Show => {
  if (field.message !== undefined) return compileMessage(field.message);
  if (field.enum !== undefined) return compileEnum(field.enum);
  return showScalar;
};

const compileEnum = (desc: DescEnum): Show => {
  const names = new Map(desc.values.map(({ number, name }) => [number, name]));
  return (value) => names.get(Number(value)) ?? Number(value);
};

const compileMessage = (desc: DescMessage): Show => {
  if (desc.typeName === AnySchema.typeName)
    return (value, registry) => showAny((value as ReflectMessage).message as Any, registry);
  if (asText.has(desc.typeName)) return (value) => showWellKnown(value as ReflectMessage);
  const view = viewOf(desc);
  return (value, registry) => (isReflectMessage(value) ? view(value, registry) : null);
};

const showScalar: Show = (value) => {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  return typeof value === "boolean" ? value : String(value);
};

/** Types whose canonical JSON is one string or value, without fields of our own in it. */
const asText = new Set(
  ["Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue"].map((name) => `google.protobuf.${name}`),
);

const showWellKnown = ({ desc, message }: ReflectMessage): LogValue => {
  try {
    return toJson(desc, message) as LogValue;
  } catch {
    // A time beyond the year 9999 and the like has no JSON; a log line is written nevertheless.
    return "[out of range]";
  }
};

const showAny = (any: Any, registry: Registry | undefined): LogValue => {
  const shown: { [name: string]: LogValue } = { "@type": any.typeUrl };
  try {
    const message = registry === undefined ? undefined : anyUnpack(any, registry);
    const desc = message === undefined ? undefined : registry?.getMessage(message.$typeName);
    if (message !== undefined && desc !== undefined) return { ...shown, ...redact(desc, message, registry) };
  } catch {
    // Bytes that are not of the type that the Any names are shown like those of an unknown type.
  }
  return { ...shown, value: `[${any.value.length} bytes]` };
};
