import type { DescField, DescMethod, Registry } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import { type HttpRule, http } from "@heddle/contracts/google/api";
import { methodName } from "../contract/method-name.ts";
import { parameterProblem, singularMessage } from "./parameter-field.ts";
import { type PathTemplate, parseTemplate, TemplateError, type TemplateVariable } from "./path-template.ts";

/** One way to call a method over REST: what `google.api.http` says, with every name resolved. */
export interface Binding {
  readonly method: DescMethod;
  /** The HTTP method; `*` is any. */
  readonly verb: string;
  readonly template: PathTemplate;
  /** The fields that the path gives, in the order of the template; each with the messages that it is in, outermost first. */
  readonly variables: readonly { readonly variable: TemplateVariable; readonly fields: readonly DescField[] }[];
  /** What the body gives: all that the path does not, one field, or nothing. */
  readonly body: "all" | DescField | undefined;
  /** The field that is the answer's body; undefined: the whole message is. */
  readonly responseBody: DescField | undefined;
  /** Types that JSON may name in a google.protobuf.Any. */
  readonly registry: Registry;
}

/** The bindings of a method, and what is wrong with those that it cannot have. */
export interface Bindings {
  readonly bindings: readonly Binding[];
  /** Each names the method. */
  readonly problems: readonly string[];
}

/**
 * Reads the bindings of a method: `google.api.http` and its additional ones. A binding that cannot be is left out, and the others
 * stand.
 */
export const bindingsOf = (method: DescMethod, registry: Registry): Bindings => {
  const bindings: Binding[] = [];
  const problems: string[] = [];
  if (!hasOption(method, http)) return { bindings, problems };
  const name = methodName(method);
  const add = (rule: HttpRule) => {
    try {
      bindings.push(bindingOf(method, rule, registry));
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      problems.push(`${name}: ${error.message}`);
    }
  };
  const rule = getOption(method, http);
  add(rule);
  for (const additional of rule.additionalBindings) {
    if (additional.additionalBindings.length > 0)
      problems.push(`${name}: additional_bindings within additional_bindings`);
    add(additional);
  }
  return { bindings, problems };
};

const bindingOf = (method: DescMethod, rule: HttpRule, registry: Registry): Binding => {
  const { verb, path } = patternOf(rule);
  const template = parseTemplate(path);
  const topLevel = (name: string, of: "input" | "output", option: string): DescField => {
    const field = method[of].fields.find((candidate) => candidate.name === name);
    if (field === undefined)
      throw new TemplateError(`${option} names ${name}, which is no field of ${method[of].typeName}`);
    return field;
  };
  return {
    method,
    verb,
    template,
    variables: template.variables.map((variable) => ({ variable, fields: fieldsOf(method, variable, path) })),
    body: rule.body === "" ? undefined : rule.body === "*" ? "all" : topLevel(rule.body, "input", "body"),
    responseBody: rule.responseBody === "" ? undefined : topLevel(rule.responseBody, "output", "response_body"),
    registry,
  };
};

const patternOf = ({ pattern }: HttpRule): { verb: string; path: string } => {
  if (pattern.case === undefined) throw new TemplateError("google.api.http names no path");
  if (pattern.case !== "custom") return { verb: pattern.case.toUpperCase(), path: pattern.value };
  const { kind, path } = pattern.value;
  if (kind !== "*" && !TOKEN.test(kind)) throw new TemplateError(`"${kind}" is no HTTP method`);
  return { verb: kind, path };
};

/** RFC 9110, 5.6.2. */
const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/;

const fieldsOf = ({ input }: DescMethod, { fieldPath }: TemplateVariable, path: string): DescField[] => {
  const fields: DescField[] = [];
  const place = `the variable ${fieldPath.join(".")} of "${path}"`;
  let message = input;
  for (const [index, name] of fieldPath.entries()) {
    const field = message.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new TemplateError(`${place} is no field of ${message.typeName}`);
    fields.push(field);
    if (index === fieldPath.length - 1) break;
    const next = singularMessage(field);
    if (next === undefined) throw new TemplateError(`${place} goes through ${name}, which is no single message`);
    message = next;
  }
  const last = fields.at(-1) as DescField;
  const problem = last.fieldKind === "list" ? "is a list" : parameterProblem(last);
  if (problem !== undefined) throw new TemplateError(`${place} ${problem}, which a path cannot give`);
  return fields;
};
