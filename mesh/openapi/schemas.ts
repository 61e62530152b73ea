import { type DescEnum, type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { Ignore } from "@heddle/contracts/buf/validate";
import { FieldBehavior } from "@heddle/contracts/google/api";
import { field_sunset, Sensitivity, sensitive } from "@heddle/contracts/heddle/options/v1";
import type { Comments } from "./comments.ts";
import { given, type JsonObject } from "./json.ts";
import { rejectsZero } from "./rejects-zero.ts";
import { celTexts, constraintsOf, hasBehavior, isRequired, messageTexts, NONE, oneofText, rulesOf } from "./rules.ts";
import { wellKnownSchema } from "./well-known.ts";

/** The schemas of a document: those of messages and enums are components, each once, made when they are first referred to. */
export interface Schemas {
  ofMessage(message: DescMessage): JsonObject;
  ofField(field: DescField): JsonObject;
  /** A message's schema without some of its fields, in place: what a body holds when the path gives the others. */
  without(message: DescMessage, fields: ReadonlySet<DescField>): JsonObject;
  components(): JsonObject;
}

/**
 * @param isRequest Whether a message is sent to services alone. In what services send, fields without a value are left out, so
 *   that nothing is required there.
 */
export const createSchemas = (comments: Comments, isRequest: (message: DescMessage) => boolean): Schemas => {
  const components = new Map<string, JsonObject>();
  const refTo = (desc: DescMessage | DescEnum): JsonObject => {
    if (!components.has(desc.typeName)) {
      components.set(desc.typeName, {});
      components.set(desc.typeName, desc.kind === "enum" ? enumSchema(desc) : objectSchema(desc, NO_FIELDS));
    }
    return { $ref: `#/components/schemas/${desc.typeName}` };
  };
  const ofMessage = (message: DescMessage): JsonObject => wellKnownSchema(message.typeName) ?? refTo(message);

  const objectSchema = (message: DescMessage, left: ReadonlySet<DescField>): JsonObject => {
    const fields = message.fields.filter((field) => !left.has(field));
    const isInput = isRequest(message);
    const required = isInput ? fields.filter((field) => isRequired(field) || rejectsZero(field)) : [];
    const oneofs = message.oneofs.filter((oneof) => oneof.fields.some((field) => !left.has(field)));
    return given({
      type: "object",
      description: joined(comments.get(message.typeName), [...oneofs.map(oneofText), ...messageTexts(message)]),
      properties: Object.fromEntries(fields.map((field) => [field.jsonName, ofField(field, isInput)])),
      required: required.length > 0 ? required.map(({ jsonName }) => jsonName) : undefined,
      deprecated: message.deprecated || undefined,
    });
  };

  const enumSchema = (desc: DescEnum): JsonObject => {
    const lines = desc.values.map(({ name }) => {
      const comment = comments.get(`${desc.typeName}.${name}`);
      return comment === undefined ? `- \`${name}\`` : `- \`${name}\`: ${comment}`;
    });
    return given({
      type: "string",
      enum: [...new Set(desc.values.map(({ name }) => name))],
      description: joined(comments.get(desc.typeName), [lines.join("\n")]),
      deprecated: desc.deprecated || undefined,
    });
  };

  const valueSchema = (
    field: {
      readonly scalar?: ScalarType | undefined;
      readonly enum?: DescEnum | undefined;
      readonly message?: DescMessage | undefined;
    },
    rules: ReturnType<typeof rulesOf>,
  ): { readonly schema: JsonObject; readonly texts: readonly string[] } => {
    if (field.enum !== undefined)
      return { schema: { ...refTo(field.enum), ...enumKeywords(field.enum, rules) }, texts: [] };
    const { keywords, texts } = constraintsOf(rules);
    if (field.message !== undefined) return { schema: ofMessage(field.message), texts };
    const { pattern } = keywords;
    if (typeof pattern === "string" && !isEcmaPattern(pattern)) {
      delete keywords.pattern;
      return {
        schema: { ...scalarSchema(field.scalar), ...keywords },
        texts: [...texts, `Matches \`${pattern}\` (RE2).`],
      };
    }
    return { schema: { ...scalarSchema(field.scalar), ...keywords }, texts };
  };

  const shapeOf = (field: DescField): { readonly schema: JsonObject; readonly texts: readonly string[] } => {
    const rules = rulesOf(field);
    const kind = rules?.type;
    if (field.fieldKind === "list") {
      const list = kind?.case === "repeated" ? kind.value : undefined;
      const { schema, texts } = valueSchema(field, list?.items);
      const isOptional = rules?.ignore === Ignore.IF_ZERO_VALUE;
      const items = texts.length === 0 ? schema : { ...schema, description: texts.join(" ") };
      return {
        schema: given({
          type: "array",
          items,
          minItems: list !== undefined && list.minItems > 0n && !isOptional ? Number(list.minItems) : undefined,
          maxItems: list !== undefined && list.maxItems > 0n ? Number(list.maxItems) : undefined,
          uniqueItems: list?.unique || undefined,
        }),
        texts: [],
      };
    }
    if (field.fieldKind === "map") {
      const map = kind?.case === "map" ? kind.value : undefined;
      const { schema, texts } = valueSchema(field, map?.values);
      const { keywords } = field.mapKey === ScalarType.STRING ? constraintsOf(map?.keys) : NONE;
      return {
        schema: given({
          type: "object",
          additionalProperties: schema,
          propertyNames: Object.keys(keywords).length > 0 ? keywords : undefined,
          minProperties: map !== undefined && map.minPairs > 0n ? Number(map.minPairs) : undefined,
          maxProperties: map !== undefined && map.maxPairs > 0n ? Number(map.maxPairs) : undefined,
        }),
        texts,
      };
    }
    return valueSchema(field, rules);
  };

  const ofField = (field: DescField, isInput = true): JsonObject => {
    const { schema, texts } = shapeOf(field);
    const rules = rulesOf(field);
    const words = [...texts, ...(rules === undefined ? [] : celTexts(rules))];
    const sunset = getOption(field, field_sunset);
    return given({
      ...schema,
      description: joined(comments.get(`${field.parent.typeName}.${field.name}`) ?? textIn(schema), words),
      ...sensitivityOf(field, schema, isInput),
      readOnly: hasBehavior(field, FieldBehavior.OUTPUT_ONLY) || undefined,
      ...(hasBehavior(field, FieldBehavior.INPUT_ONLY) ? { writeOnly: true } : {}),
      deprecated: field.deprecated || undefined,
      "x-heddle-sunset": sunset === "" ? undefined : sunset,
      "x-heddle-oneof": field.oneof?.name,
    });
  };

  return {
    ofMessage,
    ofField,
    without: objectSchema,
    components: () => Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
};

const NO_FIELDS: ReadonlySet<DescField> = new Set();

const textIn = ({ description }: JsonObject): string | undefined =>
  typeof description === "string" ? description : undefined;

const joined = (comment: string | undefined, texts: readonly string[]): string | undefined => {
  const all = [...(comment === undefined ? [] : [comment]), ...texts];
  return all.length === 0 ? undefined : all.join("\n\n");
};

/** Secrets are marked as passwords, so that pages do not show them, and as never sent back where they are only taken. */
const sensitivityOf = (field: DescField, schema: JsonObject, isInput: boolean): JsonObject => {
  const level = getOption(field, sensitive);
  if (level === Sensitivity.UNSPECIFIED) return {};
  if (level !== Sensitivity.SECRET) return { "x-heddle-sensitive": "personal" };
  return given({
    "x-heddle-sensitive": "secret",
    format: schema.type === "string" && schema.format === undefined ? "password" : schema.format,
    writeOnly: (isInput && !hasBehavior(field, FieldBehavior.OUTPUT_ONLY)) || undefined,
  });
};

const enumKeywords = (desc: DescEnum, rules: ReturnType<typeof rulesOf>): JsonObject => {
  const kind = rules?.type.case === "enum" ? rules.type.value : undefined;
  if (kind === undefined) return {};
  const isAllowed = (number: number) =>
    (kind.in.length === 0 || kind.in.includes(number)) &&
    !kind.notIn.includes(number) &&
    (kind.const === 0 || kind.const === number);
  const allowed = desc.values.filter(
    ({ number }) => isAllowed(number) || (number === 0 && rules?.ignore === Ignore.IF_ZERO_VALUE),
  );
  return allowed.length === desc.values.length ? {} : { enum: allowed.map(({ name }) => name) };
};

/** RE2 knows what JavaScript does not, such as `(?i)`. */
const isEcmaPattern = (pattern: string): boolean => {
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    return false;
  }
};

/** A scalar as protobuf's JSON has it: 64 bits as text, since numbers of JavaScript hold 53. */
const scalarSchema = (type: ScalarType | undefined): JsonObject => {
  switch (type) {
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: "integer", format: "int32" };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: "integer", minimum: 0, maximum: 4_294_967_295 };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { type: "string", format: "int64", pattern: "^-?[0-9]{1,19}$" };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { type: "string", format: "uint64", pattern: "^[0-9]{1,20}$" };
    case ScalarType.FLOAT:
      return {
        type: ["number", "string"],
        format: "float",
        description: "A number, or `NaN`, `Infinity` or `-Infinity`.",
      };
    case ScalarType.DOUBLE:
      return {
        type: ["number", "string"],
        format: "double",
        description: "A number, or `NaN`, `Infinity` or `-Infinity`.",
      };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    default:
      return { type: "string" };
  }
};
