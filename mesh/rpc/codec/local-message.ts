import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Fields } from "./write-message.ts";

/** From what a field holds to the message that it stands for, as protobuf-es maps them. */
export const localMessage = (field: DescField, schema: DescMessage): ((value: unknown) => Fields) => {
  if (isJson(field, schema)) return structOf;
  if (!isUnwrapped(field, schema)) return (value) => value as Fields;
  const { typeName } = schema;
  return (value) => ({ $typeName: typeName, value });
};

/** True for a field that holds a google.protobuf.Struct as a JSON object. */
export const isJson = (field: DescField, schema: DescMessage): boolean =>
  schema.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value";

/** True for a field that holds a wrapper of google/protobuf/wrappers.proto as its bare value. */
export const isUnwrapped = (field: DescField, schema: DescMessage): boolean => {
  if (field.fieldKind !== "message" || field.oneof !== undefined || !WRAPPERS.has(schema.typeName)) return false;
  const [first] = schema.fields;
  return first?.fieldKind === "scalar" && first.name === "value" && first.number === 1;
};

const WRAPPERS: ReadonlySet<string> = new Set(
  ["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"].map(
    (kind) => `google.protobuf.${kind}Value`,
  ),
);

/** The google.protobuf.Struct that a JSON object stands for; an empty one for what is no object. */
const structOf = (json: unknown): Fields => {
  const fields = isObject(json) ? Object.entries(json).map(([name, value]) => [name, jsonValueOf(value)]) : [];
  return { $typeName: "google.protobuf.Struct", fields: Object.fromEntries(fields) };
};

const jsonValueOf = (json: unknown): Fields => ({ $typeName: "google.protobuf.Value", kind: kindOf(json) });

const kindOf = (json: unknown): Fields => {
  switch (typeof json) {
    case "number":
      return { case: "numberValue", value: json };
    case "string":
      return { case: "stringValue", value: json };
    case "boolean":
      return { case: "boolValue", value: json };
    case "object":
      if (json === null) return { case: "nullValue", value: 0 };
      if (!Array.isArray(json)) return { case: "structValue", value: structOf(json) };
      return {
        case: "listValue",
        value: { $typeName: "google.protobuf.ListValue", values: Array.from(json, jsonValueOf) },
      };
    default:
      return { case: undefined };
  }
};

const isObject = (json: unknown): json is Fields => json !== null && typeof json === "object" && !Array.isArray(json);
