import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import type { FieldRules } from "@heddle/contracts/buf/validate";
import { FieldBehavior } from "@heddle/contracts/google/api";
import { matchPattern } from "../contract/match-pattern.ts";
import type { Comments } from "./comments.ts";
import type { JsonObject } from "./json.ts";
import { hasBehavior, inSeconds, rulesOf } from "./rules.ts";
import { sampleOf } from "./sample-text.ts";
import { wellKnownExample, wellKnownSchema } from "./well-known.ts";

/** Messages within each other that an example shows. */
const DEPTH_MAX = 5;
/** Items of a list that an example shows at most, where the rules want many; and of a list within others. */
const ITEMS_MAX = 20;
const INNER_ITEMS_MAX = 3;
/** Fields that one example shows: contracts come from elsewhere, and wide messages within each other multiply. */
const FIELDS_MAX = 1_000;
/** Characters of an example that a rule may ask for. */
const TEXT_CHARS_MAX = 4_096;

/** Examples that keep the rules, the same each time. */
export interface Examples {
  /** What is sent: without output-only fields, and without what another call must have given, such as `page_token`. */
  ofRequest(message: DescMessage, left?: ReadonlySet<DescField>): JsonObject;
  ofReply(message: DescMessage): JsonObject;
  /** Undefined where no value would say anything. */
  ofField(field: DescField): unknown;
}

export const createExamples = (comments: Comments): Examples => {
  let fieldsLeft = FIELDS_MAX;
  const objectOf = (
    message: DescMessage,
    { isRequest, left, within }: { isRequest: boolean; left: ReadonlySet<DescField>; within: readonly DescMessage[] },
  ): JsonObject => {
    const example: JsonObject = {};
    const chosen = new Set(message.oneofs.map((oneof) => oneof.fields.find((field) => !left.has(field))));
    for (const field of message.fields) {
      if (left.has(field) || field.deprecated || (field.oneof !== undefined && !chosen.has(field))) continue;
      if (fieldsLeft-- <= 0) break;
      if (isRequest && (hasBehavior(field, FieldBehavior.OUTPUT_ONLY) || GIVEN_BY_A_REPLY.has(field.name))) continue;
      const value = exampleFor(field, { isRequest, within: [...within, message] });
      if (value !== undefined) example[field.jsonName] = value;
    }
    return example;
  };

  const exampleFor = (field: DescField, place: { isRequest: boolean; within: readonly DescMessage[] }): unknown => {
    const rules = rulesOf(field);
    const kind = rules?.type;
    if (field.fieldKind === "list") {
      const list = kind?.case === "repeated" ? kind.value : undefined;
      const count = Math.max(1, Number(list?.minItems ?? 0n));
      const item = oneOf(field, list?.items, place);
      const most = place.within.length > 1 ? INNER_ITEMS_MAX : ITEMS_MAX;
      if (item === undefined || count > most || (count > 1 && list?.unique)) return undefined;
      return Array.from({ length: count }, () => item);
    }
    if (field.fieldKind === "map") {
      const map = kind?.case === "map" ? kind.value : undefined;
      const value = oneOf(field, map?.values, place);
      const key =
        field.mapKey === ScalarType.STRING
          ? textOf(field, map?.keys, "key")
          : field.mapKey === ScalarType.BOOL
            ? "true"
            : "1";
      return value === undefined || key === undefined ? undefined : { [key]: value };
    }
    return oneOf(field, rules, place);
  };

  const oneOf = (
    field: DescField,
    rules: FieldRules | undefined,
    { isRequest, within }: { isRequest: boolean; within: readonly DescMessage[] },
  ): unknown => {
    const { message, enum: enumType, scalar } = field;
    if (message !== undefined) {
      if (wellKnownSchema(message.typeName) !== undefined || isWrapperDesc(message))
        return rules?.type.case === "duration" ? durationWithin(rules.type.value) : wellKnownExample(message.typeName);
      if (within.includes(message) || within.length >= DEPTH_MAX) return undefined;
      return objectOf(message, { isRequest, left: NOTHING, within });
    }
    if (enumType !== undefined) {
      const allowed = rules?.type.case === "enum" ? rules.type.value : undefined;
      const fits = (number: number) =>
        !allowed?.notIn.includes(number) && (!allowed?.in.length || allowed.in.includes(number));
      const values = enumType.values.filter(({ number }) => fits(number));
      return (values.find(({ number }) => number !== 0) ?? values[0])?.name;
    }
    if (scalar === ScalarType.STRING) return textOf(field, rules, field.name);
    if (scalar === ScalarType.BYTES) return wellKnownExample("google.protobuf.BytesValue");
    if (scalar === ScalarType.BOOL) return true;
    return numberOf(scalar, rules);
  };

  const textOf = (field: DescField, rules: FieldRules | undefined, name: string): string | undefined => {
    const string = rules?.type.case === "string" ? rules.type.value : undefined;
    const comment = comments.get(`${field.parent.typeName}.${field.name}`) ?? "";
    const told = [...comment.matchAll(/\bas `([^`]+)`/g)].map(([, text]) => text ?? "");
    const candidates = [
      ...(string?.example ?? []),
      ...(string?.in ?? []),
      ...told,
      ...[string?.const ?? "", WELL_KNOWN_TEXTS[string?.wellKnown.case ?? ""] ?? ""].filter((text) => text !== ""),
      ...(string?.pattern ? [sampleOf(string.pattern) ?? ""] : []),
      wordsOf(name, Number(string?.len || string?.minLen || 0n), Number(string?.len || string?.maxLen || 0n)),
    ];
    return candidates.find((text) => text !== "" && fitsText(text, rules));
  };

  const whole = <T>(make: () => T): T => {
    fieldsLeft = FIELDS_MAX;
    return make();
  };
  return {
    ofRequest: (message, left = NOTHING) => whole(() => objectOf(message, { isRequest: true, left, within: [] })),
    ofReply: (message) => whole(() => objectOf(message, { isRequest: false, left: NOTHING, within: [] })),
    ofField: (field) => whole(() => exampleFor(field, { isRequest: true, within: [] })),
  };
};

const NOTHING: ReadonlySet<DescField> = new Set();

/** Fields by the house rules of lists, versions and repeated calls: an invented value would be refused, or replayed. */
const GIVEN_BY_A_REPLY: ReadonlySet<string> = new Set(["page_token", "etag", "request_id"]);

const WELL_KNOWN_TEXTS: Readonly<Record<string, string>> = {
  email: "ada@example.com",
  hostname: "example.com",
  ip: "192.0.2.1",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  uriRef: "/path",
  address: "example.com",
  uuid: "01900000-0000-7000-8000-000000000000",
  tuuid: "01900000000070008000000000000000",
  hostAndPort: "example.com:443",
  ulid: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  protobufFqn: "example.v1.Example",
};

const fitsText = (text: string, rules: FieldRules | undefined): boolean => {
  if (rules?.type.case !== "string") return true;
  const { minLen, maxLen, len, pattern, prefix, suffix, contains, notContains, notIn, wellKnown } = rules.type.value;
  const count = [...text].length;
  if (count < minLen || (maxLen > 0n && count > maxLen) || (len > 0n && BigInt(count) !== len)) return false;
  if (rules.type.value.in.length > 0 && !rules.type.value.in.includes(text)) return false;
  if (notIn.includes(text) || (notContains !== "" && text.includes(notContains))) return false;
  if (!text.startsWith(prefix) || !text.endsWith(suffix) || !text.includes(contains)) return false;
  if (wellKnown.case !== undefined && wellKnown.value !== false && text !== WELL_KNOWN_TEXTS[wellKnown.case])
    return false;
  try {
    return pattern === "" || matchPattern(pattern, text);
  } catch {
    return false;
  }
};

/** The field's name in words, as long as it must be. */
const wordsOf = (name: string, least: number, most: number): string => {
  if (least > TEXT_CHARS_MAX) return "";
  const words = name.replaceAll("_", " ").padEnd(least, "x");
  return most > 0 ? words.slice(0, most) : words;
};

/** The least that the rules allow: it waits least. */
const durationWithin = (rules: Parameters<typeof inSeconds>[0]): unknown => {
  const { greaterThan, in: allowed } = inSeconds(rules);
  return allowed[0] ?? (greaterThan.case === "gte" ? greaterThan.value : wellKnownExample("google.protobuf.Duration"));
};

const LONG: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.SINT64,
  ScalarType.SFIXED64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
]);

/** One, or the nearest to it that the rules allow. */
const numberOf = (type: ScalarType | undefined, rules: FieldRules | undefined): number | string => {
  const value = rules?.type.value;
  let number = 1;
  if (value !== undefined && "greaterThan" in value && "lessThan" in value) {
    const first = "in" in value ? value.in[0] : undefined;
    const bound = (of: { case: string | undefined; value?: unknown }, step: number): number | undefined =>
      of.case === undefined || typeof of.value === "object"
        ? undefined
        : Number(of.value) + (of.case.endsWith("e") ? 0 : step);
    const least = bound(value.greaterThan, 1);
    const most = bound(value.lessThan, -1);
    if (most !== undefined && number > most) number = most;
    if (least !== undefined && number < least) number = least;
    if (typeof first === "number" || typeof first === "bigint") number = Number(first);
  }
  return type !== undefined && LONG.has(type) ? String(number) : number;
};
