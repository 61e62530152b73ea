import { type DescMethod, fromJsonString, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "@heddle/contracts/google/rpc";
import { describeDecodeError } from "@heddle/mesh/contract";
import { Failure, usageFailure } from "./failure.ts";
import type { Reflection } from "./reflect.ts";
import { withAnyTypes } from "./reflect-any.ts";
import { methodName } from "./reflect-symbols.ts";

/**
 * The request messages of `values`, the JSON of `-d`; undefined stands for no `-d`, which is one empty message, or none where
 * the client streams. Messages of a client stream come as their values do. Throws a usage failure that names the field at fault,
 * or says how many messages the method takes.
 */
export const requestsOf = async (
  reflection: Reflection,
  method: DescMethod,
  values: AsyncIterable<string> | undefined,
): Promise<AsyncIterable<Message>> => {
  const streams = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  const messages = parse(reflection, method, values ?? oneOf(streams ? [] : ["{}"]));
  if (streams) return messages;
  const all: Message[] = [];
  for await (const message of messages) all.push(message);
  const [first] = all;
  if (first === undefined || all.length > 1) {
    throw usageFailure(
      `${methodName(method)} takes one message; -d holds ${all.length || "none"}.`,
      `heddle describe ${method.input.typeName} shows what it looks like.`,
    );
  }
  return oneOf([first]);
};

async function* oneOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function* parse(
  reflection: Reflection,
  method: DescMethod,
  values: AsyncIterable<string>,
): AsyncGenerator<Message> {
  let count = 0;
  for await (const value of values) {
    count++;
    const message = count > 1 ? `Message ${count}` : "The request";
    const rounded = roundedInteger(value);
    if (rounded !== undefined) {
      throw usageFailure(
        `${message} holds ${rounded}, which has more digits than a number of JSON keeps.`,
        `Write it as a string: "${rounded}".`,
      );
    }
    try {
      yield await withAnyTypes(reflection, (registry) => fromJsonString(method.input, value, { registry }));
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw usageFailure(
        `${message} is not a ${method.input.typeName}: ${problem(error, method)}.`,
        `heddle describe ${method.input.typeName} shows its fields.`,
      );
    }
  }
}

/** The first whole number of a JSON text that would be read as another one, without an error. */
const roundedInteger = (json: string): string | undefined => {
  for (const [, integer] of json.matchAll(STRING_OR_LONG_INTEGER)) {
    if (integer !== undefined && BigInt(Number(integer)) !== BigInt(integer)) return integer;
  }
  return undefined;
};

/** Strings are matched to be passed over; a number of 15 digits is always exact. */
const STRING_OR_LONG_INTEGER = /"(?:\\.|[^"\\])*"|(?<![\d.eE+-])(-?\d{16,})(?![\d.eE])/gs;

/** What is wrong, in the words in which a service would say it. */
const problem = (error: unknown, method: DescMethod): string => {
  const text = error instanceof Error ? error.message : String(error);
  const described = describeDecodeError(new ConnectError(text, Code.InvalidArgument), method);
  const violation = described.findDetails(BadRequestSchema)[0]?.fieldViolations[0];
  return violation === undefined ? text : `${violation.field} ${violation.description}`.trim();
};
