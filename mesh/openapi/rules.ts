import { type DescField, type DescMessage, type DescOneof, getOption, hasOption } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { type FieldRules, field as fieldRules, Ignore, message as messageRules } from "@heddle/contracts/buf/validate";
import { FieldBehavior, field_behavior } from "@heddle/contracts/google/api";
import type { JsonObject } from "./json.ts";

/** The protovalidate rules of a field; undefined where it has none, or they are never looked at. */
export const rulesOf = (field: DescField): FieldRules | undefined => {
  if (!hasOption(field, fieldRules)) return undefined;
  const rules = getOption(field, fieldRules);
  return rules.ignore === Ignore.ALWAYS ? undefined : rules;
};

export const hasBehavior = (field: DescField, behavior: FieldBehavior): boolean =>
  hasOption(field, field_behavior) && getOption(field, field_behavior).includes(behavior);

/** Whether a request must set the field: by google.api.field_behavior or by its own rule. */
export const isRequired = (field: DescField): boolean =>
  hasBehavior(field, FieldBehavior.REQUIRED) || rulesOf(field)?.required === true;

/** The rules of a message, or a field, that no schema can say: CEL, in words where it has a message. */
export const celTexts = ({ cel, celExpression }: Pick<FieldRules, "cel" | "celExpression">): string[] => [
  ...cel.map(({ id, message, expression }) => `Rule \`${id}\`: ${message === "" ? `\`${expression}\`` : message}.`),
  ...celExpression.map((expression) => `Must hold: \`${expression}\`.`),
];

/** What the rules of a message say about several of its fields at once. */
export const messageTexts = (message: DescMessage): string[] => {
  if (!hasOption(message, messageRules)) return [];
  const rules = getOption(message, messageRules);
  const oneofs = rules.oneof.map(
    ({ fields, required }) => `${required ? "Exactly" : "At most"} one of ${fields.join(", ")} is set.`,
  );
  return [...celTexts(rules), ...oneofs];
};

export const oneofText = (oneof: DescOneof): string =>
  `At most one of ${oneof.fields.map(({ jsonName }) => jsonName).join(", ")} is set.`;

/** Formats of JSON Schema for the well-known strings of protovalidate. */
const FORMATS: Readonly<Record<string, string>> = {
  email: "email",
  hostname: "hostname",
  ipv4: "ipv4",
  ipv6: "ipv6",
  uri: "uri",
  uriRef: "uri-reference",
  uuid: "uuid",
};

/** Those without a format, in words. */
const WELL_KNOWN: Readonly<Record<string, string>> = {
  ip: "an IP address",
  address: "a host name or an IP address",
  tuuid: "a UUID without dashes",
  hostAndPort: "a host and a port, such as `example.com:443`",
  ulid: "a ULID",
  protobufFqn: "the full name of a protobuf element",
};

/** Keywords for one value of a field, and what they cannot say, in words. */
export interface Constraints {
  readonly keywords: JsonObject;
  readonly texts: readonly string[];
}

export const NONE: Constraints = { keywords: {}, texts: [] };

/** What the rules say about one value of a field that is no list and no map. */
export const constraintsOf = (rules: FieldRules | undefined): Constraints => {
  const { type } = rules ?? {};
  if (rules === undefined || type?.case === undefined) return NONE;
  const mayBeEmpty = rules.ignore === Ignore.IF_ZERO_VALUE;
  switch (type.case) {
    case "string":
      return stringConstraints(type.value, mayBeEmpty);
    case "float":
    case "double":
    case "int32":
    case "uint32":
    case "sint32":
    case "fixed32":
    case "sfixed32":
      return numberConstraints(type.value, mayBeEmpty);
    case "int64":
    case "uint64":
    case "sint64":
    case "fixed64":
    case "sfixed64":
      return { keywords: {}, texts: boundTexts(type.value) };
    case "bytes": {
      const { minLen, maxLen } = type.value;
      const texts = [
        ...(minLen > 0n ? [`At least ${minLen} bytes.`] : []),
        ...(maxLen > 0n ? [`At most ${maxLen} bytes.`] : []),
      ];
      return { keywords: maxLen > 0n ? { maxLength: Math.ceil(Number(maxLen) / 3) * 4 } : {}, texts };
    }
    case "duration":
      return { keywords: {}, texts: boundTexts(inSeconds(type.value)) };
    default:
      return NONE;
  }
};

/** Bounds on durations as JSON writes them. */
export const inSeconds = ({ lessThan, greaterThan, ...rest }: DurationRules): NumberRules<string> => {
  const bound = (of: { readonly case?: string | undefined; readonly value?: Duration | undefined }) =>
    of.case === undefined || of.value === undefined ? {} : { case: of.case, value: `${durationMs(of.value) / 1_000}s` };
  return {
    const: "",
    in: rest.in.map((one) => `${durationMs(one) / 1_000}s`),
    lessThan: bound(lessThan),
    greaterThan: bound(greaterThan),
  };
};

type DurationRules = Extract<FieldRules["type"], { case: "duration" }>["value"];
type StringRules = Extract<FieldRules["type"], { case: "string" }>["value"];

const stringConstraints = (rules: StringRules, mayBeEmpty: boolean): Constraints => {
  const { minLen, maxLen, len, pattern, prefix, suffix, contains, wellKnown } = rules;
  const keywords: JsonObject = {};
  const texts: string[] = [];
  const least = len > 0n ? len : minLen;
  const most = len > 0n ? len : maxLen;
  if (least > 0n && !mayBeEmpty) keywords.minLength = Number(least);
  if (least > 0n && mayBeEmpty) texts.push(`Empty, or at least ${least} characters.`);
  if (most > 0n) keywords.maxLength = Number(most);
  const asserted = pattern || affixPattern(prefix, suffix, contains);
  if (asserted !== "") keywords.pattern = mayBeEmpty ? `^$|${asserted}` : asserted;
  if (rules.in.length > 0) keywords.enum = mayBeEmpty ? ["", ...rules.in] : [...rules.in];
  if (rules.const !== "") keywords.const = rules.const;
  if (rules.notIn.length > 0) keywords.not = { enum: [...rules.notIn] };
  if (wellKnown.case !== undefined && wellKnown.value !== false) {
    const format = FORMATS[wellKnown.case];
    // A format cannot say that the text may also be empty.
    if (format !== undefined && !mayBeEmpty) keywords.format = format;
    else if (format !== undefined) texts.push(`Empty, or of format ${format}.`);
    const words = WELL_KNOWN[wellKnown.case];
    if (words !== undefined) texts.push(`Must be ${words}.`);
  }
  return { keywords, texts };
};

const affixPattern = (prefix: string, suffix: string, contains: string): string => {
  const literal = (text: string) => text.replace(/[$()*+./?[\\\]^{|}]/g, "\\$&");
  if (prefix !== "" || suffix !== "") return `^${literal(prefix)}[\\s\\S]*${literal(suffix)}$`;
  return literal(contains);
};

interface NumberRules<T> {
  readonly const: T;
  readonly lessThan: { readonly case?: string | undefined; readonly value?: T | undefined };
  readonly greaterThan: { readonly case?: string | undefined; readonly value?: T | undefined };
  readonly in: readonly T[];
}

const numberConstraints = (rules: NumberRules<number>, mayBeZero: boolean): Constraints => {
  const { lessThan, greaterThan } = rules;
  const keywords: JsonObject = {};
  // Bounds that exclude each other mean what lies outside of both.
  if (isOutside(rules) || (mayBeZero && !isWithin(0, rules))) return { keywords, texts: boundTexts(rules) };
  if (lessThan.case === "lt") keywords.exclusiveMaximum = lessThan.value;
  if (lessThan.case === "lte") keywords.maximum = lessThan.value;
  if (greaterThan.case === "gt") keywords.exclusiveMinimum = greaterThan.value;
  if (greaterThan.case === "gte") keywords.minimum = greaterThan.value;
  if (rules.in.length > 0) keywords.enum = mayBeZero ? [0, ...rules.in] : [...rules.in];
  if (rules.const !== 0) keywords.const = rules.const;
  return { keywords, texts: [] };
};

const isOutside = ({ lessThan, greaterThan }: NumberRules<number>): boolean =>
  lessThan.value !== undefined && greaterThan.value !== undefined && lessThan.value < greaterThan.value;

const isWithin = (value: number, { lessThan, greaterThan }: NumberRules<number>): boolean => {
  const { value: most } = lessThan;
  const { value: least } = greaterThan;
  if (most !== undefined && (lessThan.case === "lt" ? value >= most : value > most)) return false;
  return least === undefined || (greaterThan.case === "gt" ? value > least : value >= least);
};

const SIGNS: Readonly<Record<string, string>> = {
  lt: "Less than",
  lte: "At most",
  gt: "More than",
  gte: "At least",
};

const boundTexts = <T>(rules: NumberRules<T>): string[] => {
  const texts = [rules.greaterThan, rules.lessThan].flatMap((bound) =>
    bound.case === undefined ? [] : [`${SIGNS[bound.case] ?? bound.case} ${String(bound.value)}.`],
  );
  if (rules.in.length > 0) texts.push(`One of ${rules.in.map(String).join(", ")}.`);
  return texts;
};
