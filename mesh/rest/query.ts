import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { methodName } from "../contract/method-name.ts";
import { nearestName } from "../contract/nearest-name.ts";
import type { Binding } from "./binding.ts";
import { parameterProblem, singularMessage } from "./parameter-field.ts";
import { type FieldChain, pathOfChain, setParameter } from "./parameter-value.ts";
import { refuseField } from "./refuse-field.ts";

/** Messages that a parameter may name within each other: more than any contract has, fewer than a hostile name could. */
const DEPTH_MAX = 32;

/**
 * Sets the fields that the query gives: each that neither path nor body does, by its path in the names of the contract or of JSON.
 * Throws INVALID_ARGUMENT that names the parameter.
 *
 * @param query What stands after the question mark.
 */
export const applyQuery = (message: Message, query: string, binding: Binding): void => {
  const { method, registry } = binding;
  const domain = method.parent.file.proto.package;
  /** By the field's path. */
  const given = new Map<string, { readonly chain: FieldChain; readonly texts: string[] }>();
  for (const [name, text] of parametersOf(query, domain)) {
    const chain = chainOf(name, binding, domain);
    const path = pathOfChain(chain);
    const known = given.get(path);
    if (known === undefined) given.set(path, { chain, texts: [text] });
    else if (chain.at(-1)?.fieldKind === "list") known.texts.push(text);
    else throw refuseField(domain, path, "is given more than once, but takes one value");
  }
  for (const { chain, texts } of given.values()) setParameter(message, chain, texts, { domain, registry });
};

/** Names and values as URLSearchParams reads them, but that what cannot be decoded is refused. */
const parametersOf = function* (query: string, domain: string): Iterable<[string, string]> {
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    yield [decode(name, domain), equals < 0 ? "" : decode(pair.slice(equals + 1), domain)];
  }
};

const decode = (text: string, domain: string): string => {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw refuseField(domain, "", "its query is not percent-encoded UTF-8");
  }
};

const chainOf = (name: string, binding: Binding, domain: string): FieldChain => {
  const { method, body, variables } = binding;
  const operation = methodName(method);
  const chain: DescField[] = [];
  let message: DescMessage | undefined = method.input;
  const names = name.split(".", DEPTH_MAX + 1);
  const refuse = (description: string) => refuseField(domain, shown(name), description);
  if (names.length > DEPTH_MAX) throw refuse(`names more than ${DEPTH_MAX} messages within each other`);
  if (body === "all") throw refuse(`is no query parameter: ${operation} takes all that is not in the path in the body`);
  for (const part of names) {
    const last = chain.at(-1);
    if (message === undefined) throw refuse(`is no query parameter: ${last?.name} ${reasonWithout(last)}`);
    const field: DescField | undefined = message.fields.find(
      (candidate) => candidate.name === part || candidate.jsonName === part,
    );
    if (field === undefined)
      throw refuse(`is no query parameter of ${operation}${hint(part, chain, message, binding)}`);
    chain.push(field);
    message = singularMessage(field);
  }
  const field = chain.at(-1) as DescField;
  const path = pathOfChain(chain);
  if (body !== undefined && chain[0] === body)
    throw refuseField(domain, path, `is given by the body, which is ${body.name}`);
  if (variables.some(({ fields }) => pathOfChain(fields) === path))
    throw refuseField(domain, path, "is given by the path");
  const problem = parameterProblem(field);
  if (problem === undefined) return chain;
  throw refuseField(domain, path, `${problem}${advice(field, path)}`);
};

const advice = (field: DescField, path: string): string => {
  const inner = singularMessage(field)?.fields[0];
  return inner === undefined
    ? ", which no query parameter can give"
    : `: name its fields, such as ${path}.${inner.name}`;
};

const reasonWithout = (field: DescField | undefined): string => {
  const problem = field === undefined ? undefined : parameterProblem(field);
  return problem === undefined ? "has no fields" : `${problem}, within which no field can be named`;
};

/** The parameter that was probably meant. */
const hint = (part: string, chain: FieldChain, { fields }: DescMessage, { body, variables }: Binding): string => {
  const ofPath = new Set(
    variables
      .map((variable) => variable.fields)
      .filter(({ length }) => length === 1)
      .map(([field]) => field),
  );
  const known = fields
    .filter((field) => chain.length > 0 || (field !== body && !ofPath.has(field)))
    .flatMap(({ name, jsonName }) => [name, jsonName]);
  const nearest = nearestName(part, known);
  return nearest === undefined ? "" : ` (did you mean ${[...chain.map(({ name }) => name), nearest].join(".")}?)`;
};

/** A name comes from outside, and errors are logged. */
const shown = (name: string): string => name.slice(0, 200);
