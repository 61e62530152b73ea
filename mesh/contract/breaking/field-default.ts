import { isFieldSet } from "@bufbuild/protobuf";
import { FieldDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ContractTree, FieldNode } from "./contract-tree.ts";
import { typeNameOf } from "./contract-tree.ts";
import { cardinalityOf, kindOf } from "./field-traits.ts";

/** What a field reads as when it is not set. Text and bytes are one string of bytes, so that they compare. */
export interface FieldDefault {
  readonly value: string | number | bigint;
  /** Whether only a float's precision is in `value`. */
  readonly isFloat: boolean;
  readonly text: string;
}

/** The default of a field; undefined for a list, a map and a message, which have none. */
export const defaultOf = (field: FieldNode, tree: ContractTree): FieldDefault | undefined => {
  const kind = kindOf(field, tree);
  const cardinality = cardinalityOf(field, tree);
  if (kind === "message" || kind === "group" || cardinality === "repeated" || cardinality === "map") return undefined;
  const isSet = isFieldSet(field.proto, FieldDescriptorProtoSchema.field.defaultValue);
  const written = isSet ? field.proto.defaultValue : undefined;
  switch (kind) {
    case "string":
      return { value: bytesOf(written ?? ""), isFloat: false, text: JSON.stringify(written ?? "") };
    case "bytes":
      return { value: unescaped(written ?? ""), isFloat: false, text: `"${written ?? ""}"` };
    case "bool":
      return { value: written === "true" ? 1n : 0n, isFloat: false, text: written ?? "false" };
    case "enum": {
      const values = tree.enums.get(typeNameOf(field.proto.typeName))?.proto.value;
      const chosen = written === undefined ? values?.[0] : values?.find(({ name }) => name === written);
      return { value: BigInt(chosen?.number ?? 0), isFloat: false, text: chosen?.name ?? written ?? "0" };
    }
    case "float":
      return { value: Math.fround(numberIn(written)), isFloat: true, text: written ?? "0" };
    case "double":
      return { value: numberIn(written), isFloat: false, text: written ?? "0" };
    default:
      return { value: integerIn(written), isFloat: false, text: written ?? "0" };
  }
};

/** Whether two defaults are one value, also when the field's type has changed. */
export const sameDefault = (before: FieldDefault, after: FieldDefault): boolean => {
  const was = before.value;
  const is = after.value;
  // Which type it is now is for another rule to say.
  if (isEmpty(was) && isEmpty(is)) return true;
  if (typeof was === "string" || typeof is === "string") return was === is;
  if (typeof was === "number" && typeof is === "number") {
    const narrow = before.isFloat !== after.isFloat ? Math.fround : (value: number) => value;
    return narrow(was) === narrow(is) || (Number.isNaN(was) && Number.isNaN(is));
  }
  // A bigint and a number compare by their exact values.
  return was <= is && was >= is;
};

const isEmpty = (value: string | number | bigint): boolean => value === "" || value === 0 || value === 0n;

const numberIn = (written: string | undefined): number => {
  if (written === "inf" || written === "-inf") return written === "inf" ? Infinity : -Infinity;
  return Number(written ?? 0);
};

const integerIn = (written: string | undefined): bigint => (/^-?\d+$/.test(written ?? "") ? BigInt(written ?? 0) : 0n);

const bytesOf = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

const ESCAPES: Record<string, string> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** The default of a bytes field is written with the escapes of C. */
const unescaped = (text: string): string =>
  bytesOf(text).replace(/\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))/gs, (_, octal, hex, char: string) => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 255);
    return hex !== undefined ? String.fromCharCode(Number.parseInt(hex, 16)) : (ESCAPES[char] ?? char);
  });
