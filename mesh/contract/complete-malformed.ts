import type { DescField, DescMessage, DescMethod } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { commonReasons } from "./common-reasons.ts";
import { describeError } from "./describe-error.ts";
import type { Reason, Violation } from "./fail.ts";
import { fail } from "./fail.ts";
import { type FieldPath, findFields } from "./find-fields.ts";
import { enumExpectation, jsonExpectation, messageExpectation } from "./json-expectation.ts";
import { nearestName } from "./nearest-name.ts";

/**
 * The error for a request that Connect refused before any of our code saw it: wrong types, garbage bytes, broken
 * envelopes, sizes, compression, headers. Connect's own text echoes the value that it could not read, which may be the
 * secret itself, and has no details. The result is in our words, names the field by its path where the text gives it away,
 * and shows names of fields but never a value.
 *
 * Only for errors from before the handler, or from the stream of its requests: the texts do not tell a request from a
 * reply. An error that already has an ErrorInfo is returned as it is.
 *
 * Codes: INVALID_ARGUMENT `REQUEST_MALFORMED` also for garbage that Connect reports as INTERNAL; UNIMPLEMENTED for a wrong
 * number of messages, as gRPC asks; RESOURCE_EXHAUSTED `MESSAGE_TOO_LARGE`; UNIMPLEMENTED `COMPRESSION_UNKNOWN`.
 */
export const describeDecodeError = (error: ConnectError, method: DescMethod): ConnectError => {
  if (error.findDetails(ErrorInfoSchema).length > 0) return error;
  const domain = method.parent.file.proto.package;
  const text = error.rawMessage;
  const supported = UNKNOWN_COMPRESSION.exec(text)?.[1];
  if (supported !== undefined) {
    const described = fail(commonReasons(domain).COMPRESSION_UNKNOWN, { supported }, { cause: error });
    // The encodings that are accepted, which the protocols want as a header; on the wire it is there already.
    if (!error.isWireError) for (const [name, value] of error.metadata) described.metadata.set(name, value);
    return described;
  }
  const malformed: Reason<"The request cannot be read: {problem}."> = commonReasons(domain).REQUEST_MALFORMED;
  const problem = binaryProblem(text, method.input) ?? jsonProblem(text, method.input) ?? protocolProblem(text);
  if (problem !== undefined) {
    const reason = error.code === Code.Unimplemented ? { ...malformed, code: Code.Unimplemented } : malformed;
    return refusal(reason, problem, error);
  }
  return describeError(error, domain) ?? refusal(malformed, whole(`it is not a ${method.input.typeName}`), error);
};

const UNKNOWN_COMPRESSION = /^unknown compression ".*": supported encodings are ([\w,. -]*)$/s;

const refusal = (
  reason: Reason<"The request cannot be read: {problem}.">,
  violation: Violation,
  cause: ConnectError,
) => {
  const { field, description } = violation;
  return fail(
    reason,
    { problem: field === "" ? description : `${field} ${description}` },
    { violations: [violation], cause },
  );
};

/** A problem of the request as a whole. */
const whole = (description: string): Violation => ({ field: "", description });

const binaryProblem = (text: string, input: DescMessage): Violation | undefined => {
  if (!text.startsWith("parse binary: ")) return undefined;
  if (text.endsWith("premature EOF")) return whole("its bytes end in the middle of a field");
  if (text.includes("utf-8")) return whole("a string in it is not valid UTF-8");
  if (text.endsWith("reached")) return whole("it is nested too deeply");
  return whole(`its bytes are not a ${input.typeName}`);
};

const protocolProblem = (text: string): Violation | undefined => {
  const known = protocolProblems.find(([pattern]) => pattern.test(text));
  return known === undefined ? undefined : whole(text.replace(known[0], known[1]));
};

/** What Connect says, whole, and what we say; groups are numbers. */
const protocolProblems: readonly (readonly [RegExp, string])[] = [
  [/^protocol error: incomplete envelope$/, "it ends in the middle of a message"],
  [/^protocol error: promised (\d+) bytes, received (\d+)$/, "its content-length is $1 bytes, but $2 came"],
  [/^protocol error: missing input message for .*$/s, "it holds no message, but the method takes one"],
  [
    /^protocol error: received extra input message for .*$/s,
    "it holds more than the one message that the method takes",
  ],
  [/^protocol error: invalid (?:grpc|connect) timeout value: .*$/s, "its timeout header is not a timeout"],
  [/^timeout \d+ms must be <= (\d+)$/, "its timeout is more than $1 ms"],
  [/^missing required (?:header|parameter): .*$/s, "its protocol version is missing"],
  [/^.* must be "v?1": got ".*"$/s, "its protocol version is not 1"],
  [/^protocol error: invalid base64$/, "its text is not base64"],
  [/^unexpected end flag$/, "it marks its end twice"],
  [/^decompression failed$/, "its compressed bytes cannot be decompressed"],
  [/^received compressed envelope, but .*$/s, "a message is marked as compressed, but no compression is named"],
];

const JSON_TEXT = /^cannot decode (field|oneof|enum|message) (\S+) from JSON(?::)? (.*)$/s;
/** Only in the parser's own words; a text that ends otherwise quotes the request. */
const JSON_POSITION = / in JSON at position (\d+)(?: \(line \d+ column \d+\))?$/;
const JSON_KEY = /^(key|duplicate object key) "([A-Za-z_][A-Za-z0-9_]{0,63})"(?: is unknown)?$/;

const jsonProblem = (text: string, input: DescMessage): Violation | undefined => {
  const [, kind, name, problem] = JSON_TEXT.exec(text) ?? [];
  if (kind === undefined || name === undefined || problem === undefined) return undefined;
  if (kind === "field") return fieldProblem(name, problem, input);
  if (kind === "oneof") return oneofProblem(name, problem, input);
  if (kind === "enum")
    return placed(
      input,
      (field) => field.enum?.typeName === name,
      (field) => field.enum && enumExpectation(field.enum),
    );
  return messageProblem(name, problem, input);
};

const fieldProblem = (name: string, problem: string, input: DescMessage): Violation => {
  const places = findFields(input, (field) => `${field.parent.typeName}.${field.name}` === name);
  const [place] = places;
  if (place === undefined) return whole("a field has a value of the wrong type");
  const { field } = place;
  const item = /^list item #(\d+): /.exec(problem)?.[1];
  const index = item === undefined ? "" : `[${Number(item) - 1}]`;
  const description = fieldDescription(field, problem, item !== undefined);
  return { field: places.length === 1 ? place.path + index : field.name + index, description };
};

const fieldDescription = (field: DescField, problem: string, isItem: boolean): string => {
  if (problem === "set multiple times") return "is set more than once";
  if (problem.endsWith("must not be null")) return "must not hold null";
  if (problem.startsWith("duplicate map key")) return "has a key more than once";
  if (problem.startsWith("invalid map key")) return "has a key of the wrong type";
  const expected = jsonExpectation(field);
  return isItem ? expected.replace("must be a list, of which each item ", "") : expected;
};

const oneofProblem = (name: string, problem: string, input: DescMessage): Violation => {
  const places = findFields(
    input,
    ({ oneof }) => oneof !== undefined && `${oneof.parent.typeName}.${oneof.name}` === name,
  );
  const field = places[0]?.field.oneof?.name ?? "";
  const both = /^oneof set multiple times by (\w+) and (\w+)$/.exec(problem);
  return {
    field,
    description: both === null ? "is set more than once" : `takes one of ${both[1]} and ${both[2]}, not both`,
  };
};

const messageProblem = (name: string, problem: string, input: DescMessage): Violation => {
  const [, keyKind, key] = JSON_KEY.exec(problem) ?? [];
  if (keyKind === "duplicate object key")
    return { field: key ?? "", description: "occurs more than once in one object" };
  if (keyKind === "key" && key !== undefined) return unknownKey(name, key, input);
  if (problem.startsWith('key "')) return whole(`it has a key that is not a field of ${name}`);
  if (problem.startsWith("maximum recursion depth")) return whole("it is nested too deeply");
  if (name === input.typeName) {
    const position = JSON_POSITION.exec(problem)?.[1];
    if (position !== undefined) return whole(`its JSON is broken at character ${Number(position) + 1}`);
    return whole(/JSON/.test(problem) ? "it is not JSON" : "it must be a JSON object");
  }
  return placed(
    input,
    (field) => field.message?.typeName === name,
    (field) => field.message && messageExpectation(field.message),
  );
};

const unknownKey = (typeName: string, key: string, input: DescMessage): Violation => {
  const places = findFields(input, (field) => field.message?.typeName === typeName);
  const desc = typeName === input.typeName ? input : places[0]?.field.message;
  const prefix =
    typeName !== input.typeName && places.length === 1 && places[0] !== undefined ? `${pathOf(places[0])}.` : "";
  const nearest = nearestName(key, desc?.fields.map((field) => field.jsonName || field.localName) ?? []);
  const hint = nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
  return { field: prefix + key, description: `is not a field of ${typeName}${hint}` };
};

/** A problem with a value whose type is known, but not its field: named when only one field has that type. */
const placed = (
  input: DescMessage,
  test: (field: DescField) => boolean,
  expectation: (field: DescField) => string | undefined,
): Violation => {
  const places = findFields(input, test);
  const [place] = places;
  if (place === undefined) return whole("a value in it has the wrong type");
  const description = expectation(place.field) ?? jsonExpectation(place.field);
  if (places.length === 1) return { field: pathOf(place), description };
  const names = places.slice(0, 3).map(pathOf).join(" or ");
  return whole(`${names}${places.length > 3 ? " or another" : ""} ${description}`);
};

const pathOf = ({ path, field }: FieldPath): string =>
  field.fieldKind === "list" || field.fieldKind === "map" ? `${path}[]` : path;
