import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { enumExpectation, jsonExpectation } from "../contract/json-expectation.ts";

/** The message that a field holds, where it holds one at most and that has fields of its own to be named in a path. */
export const singularMessage = (field: DescField): DescMessage | undefined =>
  field.fieldKind === "message" && !isText(field.message) && !isShapeless(field.message) ? field.message : undefined;

/**
 * Why no parameter can give a field; undefined where one can: "fields which are mapped to URL query parameters must have a
 * primitive type or a repeated primitive type" (http.proto), to which come the messages that JSON writes as one text or number.
 */
export const parameterProblem = (field: DescField): string | undefined => {
  if (field.fieldKind === "map") return "is a map";
  if (field.fieldKind === "list") return field.listKind === "message" ? "is a list of messages" : undefined;
  if (field.fieldKind !== "message" || isText(field.message)) return undefined;
  return isShapeless(field.message) ? `is a ${field.message.typeName}` : "is a message";
};

/** What the text of a parameter must look like, for a sentence that begins with the field's name. */
export const textExpectation = (field: DescField): string => {
  const type = scalarOf(field);
  if (type === ScalarType.INT64 || type === ScalarType.SINT64 || type === ScalarType.SFIXED64)
    return "must be a whole number of 64 bits";
  if (type === ScalarType.UINT64 || type === ScalarType.FIXED64)
    return "must be a whole number of 64 bits, not negative";
  if (type === ScalarType.STRING) return "must be text";
  if (type === ScalarType.BYTES) return "must be bytes in base64 or base64url";
  if (field.enum !== undefined) return enumExpectation(field.enum);
  if (field.message?.typeName === "google.protobuf.FieldMask")
    return 'must be field names such as "display_name,address.city"';
  const expectation = jsonExpectation(field);
  return expectation.replace("must be a list, of which each item ", "");
};

/** The scalar type of a field's value, also that within a wrapper. */
export const scalarOf = (field: DescField): ScalarType | undefined => {
  if (field.scalar !== undefined) return field.scalar;
  const { message } = field;
  return message !== undefined && isWrapperDesc(message) ? message.fields[0].scalar : undefined;
};

/** Messages that JSON writes as one text, number or boolean. */
const isText = (message: DescMessage): boolean => isWrapperDesc(message) || TEXTS.has(message.typeName);

const TEXTS: ReadonlySet<string> = new Set([
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
  "google.protobuf.FieldMask",
]);

/** Messages of which no field can be named. */
const isShapeless = ({ typeName }: DescMessage): boolean => SHAPELESS.has(typeName);

const SHAPELESS: ReadonlySet<string> = new Set([
  "google.protobuf.Any",
  "google.protobuf.Struct",
  "google.protobuf.Value",
  "google.protobuf.ListValue",
]);
