import {
  type DescField,
  type JsonValue,
  type Message,
  mergeFromJson,
  type Registry,
  ScalarType,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { scalarOf, textExpectation } from "./parameter-field.ts";
import { refuseField } from "./refuse-field.ts";

/** A field as a request reaches it: itself last, before it the messages that it is in, outermost first. */
export type FieldChain = readonly DescField[];

/** The dotted path of a field, in the names of the contract. */
export const pathOfChain = (chain: FieldChain): string => chain.map(({ name }) => name).join(".");

/**
 * Sets the field at the end of `chain` from the texts of a parameter, several for a list. Throws INVALID_ARGUMENT that names the
 * field where a text is no value of it, or where another member of its oneof is set.
 */
export const setParameter = (
  message: Message,
  chain: FieldChain,
  texts: readonly string[],
  { domain, registry }: { readonly domain: string; readonly registry: Registry },
): void => {
  const field = chain.at(-1);
  if (field === undefined) throw new TypeError("a parameter names a field");
  const path = pathOfChain(chain);
  const other = rivalOf(message, chain);
  if (other !== undefined)
    throw refuseField(domain, path, `cannot be given beside ${other}: one of them is all there can be`);
  const values = texts.map((text) => jsonOf(field, text));
  const value: JsonValue =
    field.fieldKind === "list" ? values.filter((json) => json !== undefined) : (values[0] ?? null);
  try {
    if (values.includes(undefined)) throw new TypeError("no value of the field");
    mergeFromJson((chain[0] as DescField).parent, message, nested(chain, value), { registry });
  } catch (cause) {
    // What a parser says repeats the value, which may be a secret.
    throw refuseField(domain, path, textExpectation(field), cause);
  }
};

/** The path of what is set in a oneof in which the chain would set another member. */
const rivalOf = (message: Message, chain: FieldChain): string | undefined => {
  let target = reflect((chain[0] as DescField).parent, message);
  for (const [index, field] of chain.entries()) {
    const set = field.oneof === undefined ? undefined : target.oneofCase(field.oneof);
    if (set !== undefined && set !== field) return pathOfChain([...chain.slice(0, index), set]);
    if (field.fieldKind !== "message" || !target.isSet(field)) return undefined;
    target = target.get(field);
  }
  return undefined;
};

const nested = (chain: FieldChain, value: JsonValue): JsonValue =>
  chain.reduceRight<JsonValue>((json, { jsonName }) => ({ [jsonName]: json }), value);

/** JSON that stands for the text of a parameter; undefined where the text is no value of the field. */
const jsonOf = (field: DescField, text: string): JsonValue | undefined => {
  if (field.enum !== undefined) return WHOLE.test(text) ? Number(text) : text;
  if (field.message?.typeName === FieldMaskSchema.typeName) return maskOf(text);
  switch (scalarOf(field)) {
    case undefined:
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return text === "true" ? true : text === "false" ? false : undefined;
    case ScalarType.BYTES:
      return BASE64.test(text) && text.replace(/=+$/, "").length % 4 !== 1 ? text : undefined;
    default:
      return NUMBER.test(text) ? text : undefined;
  }
};

const WHOLE = /^-?\d+$/;
/** What JSON calls a number, and what protobuf adds to that. */
const NUMBER = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN)$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** JSON knows masks in lowerCamelCase alone, but in a URL people write the names of the contract too. */
const maskOf = (text: string): string => text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
