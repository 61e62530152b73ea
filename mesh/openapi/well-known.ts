import type { JsonObject } from "./json.ts";

/** Messages that JSON writes in a way of their own (https://protobuf.dev/programming-guides/json/). */
const SCHEMAS: Readonly<Record<string, JsonObject>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]{1,12}(?:\\.[0-9]{1,9})?s$" },
  "google.protobuf.FieldMask": {
    type: "string",
    description: "Names of fields, as in JSON, separated by commas: `displayName,address.city`.",
  },
  "google.protobuf.Struct": { type: "object" },
  "google.protobuf.Value": {},
  "google.protobuf.ListValue": { type: "array", items: {} },
  "google.protobuf.Empty": { type: "object" },
  "google.protobuf.Any": {
    type: "object",
    properties: {
      "@type": { type: "string", description: "Names the type, such as `type.googleapis.com/google.rpc.ErrorInfo`." },
    },
    description: "A message of any type, its fields beside `@type`.",
  },
  "google.protobuf.DoubleValue": { type: ["number", "string", "null"], format: "double" },
  "google.protobuf.FloatValue": { type: ["number", "string", "null"], format: "float" },
  "google.protobuf.Int64Value": { type: ["string", "null"], format: "int64", pattern: "^-?[0-9]{1,19}$" },
  "google.protobuf.UInt64Value": { type: ["string", "null"], format: "uint64", pattern: "^[0-9]{1,20}$" },
  "google.protobuf.Int32Value": { type: ["integer", "null"], format: "int32" },
  "google.protobuf.UInt32Value": { type: ["integer", "null"], minimum: 0, maximum: 4_294_967_295 },
  "google.protobuf.BoolValue": { type: ["boolean", "null"] },
  "google.protobuf.StringValue": { type: ["string", "null"] },
  "google.protobuf.BytesValue": { type: ["string", "null"], contentEncoding: "base64" },
};

/** The schema of a message that JSON writes in a way of its own; undefined for all others. */
export const wellKnownSchema = (typeName: string): JsonObject | undefined => {
  const schema = SCHEMAS[typeName];
  return schema && structuredClone(schema);
};

/** What a message of its own way looks like; undefined where an example would say nothing, or do harm when it is sent. */
export const wellKnownExample = (typeName: string): unknown => EXAMPLES[typeName];

const EXAMPLES: Readonly<Record<string, unknown>> = {
  "google.protobuf.Timestamp": "2026-03-01T09:30:00Z",
  "google.protobuf.Duration": "30s",
  "google.protobuf.DoubleValue": 1.5,
  "google.protobuf.FloatValue": 1.5,
  "google.protobuf.Int64Value": "1",
  "google.protobuf.UInt64Value": "1",
  "google.protobuf.Int32Value": 1,
  "google.protobuf.UInt32Value": 1,
  "google.protobuf.BoolValue": true,
  "google.protobuf.StringValue": "text",
  "google.protobuf.BytesValue": "SGVkZGxl",
};
