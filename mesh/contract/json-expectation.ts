import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";

/** What a field's value must look like in JSON (ProtoJSON), for a sentence that begins with the field's name. */
export const jsonExpectation = (field: DescField): string => {
  if (field.fieldKind === "map") return "must be an object";
  const value = expectationOf(field);
  return field.fieldKind === "list" ? `must be a list, of which each item ${value}` : value;
};

/** What a message must look like in JSON. */
export const messageExpectation = (desc: DescMessage): string =>
  isWrapperDesc(desc) ? scalars[desc.fields[0].scalar] : (wellKnown[desc.typeName] ?? "must be an object");

/** What an enum's value must look like in JSON; long enums are not listed whole. */
export const enumExpectation = (desc: DescEnum): string => {
  const names = desc.values.map(({ name }) => name);
  const listed = names.slice(0, ENUM_NAMES_MAX).join(", ");
  return `must be one of ${listed}${names.length > ENUM_NAMES_MAX ? " and others" : ""}`;
};

const ENUM_NAMES_MAX = 8;

const expectationOf = (field: DescField): string => {
  if (field.message !== undefined) return messageExpectation(field.message);
  if (field.enum !== undefined) return enumExpectation(field.enum);
  return field.scalar === undefined ? "must be another value" : scalars[field.scalar];
};

const INT64 = "must be a whole number of 64 bits, as a string or a number";
const UINT64 = "must be a whole number of 64 bits, not negative, as a string or a number";
const INT32 = "must be a whole number from -2147483648 to 2147483647";
const UINT32 = "must be a whole number from 0 to 4294967295";

const scalars: { readonly [S in ScalarType]: string } = {
  [ScalarType.DOUBLE]: "must be a number",
  [ScalarType.FLOAT]: "must be a number of 32 bits",
  [ScalarType.INT64]: INT64,
  [ScalarType.SINT64]: INT64,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.UINT64]: UINT64,
  [ScalarType.FIXED64]: UINT64,
  [ScalarType.INT32]: INT32,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.UINT32]: UINT32,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.BOOL]: "must be true or false",
  [ScalarType.STRING]: "must be a string",
  [ScalarType.BYTES]: "must be a string in base64",
};

const wellKnown: { readonly [typeName: string]: string } = {
  "google.protobuf.Timestamp": 'must be a time such as "2026-01-31T12:00:00Z" (RFC 3339)',
  "google.protobuf.Duration": 'must be seconds such as "1.5s"',
  "google.protobuf.FieldMask": 'must be field names in lowerCamelCase such as "displayName,address.city"',
  "google.protobuf.Any": 'must be an object with a known type in "@type"',
  "google.protobuf.ListValue": "must be a list",
};
