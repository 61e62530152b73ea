/** A segment of a path: a text that must be there, any one segment, or all that are left. */
export type TemplateSegment = { readonly kind: "literal"; readonly text: string } | typeof ONE | typeof REST;

/** A part of a path that becomes the value of a field. */
export interface TemplateVariable {
  /** The names of the field and of the messages that it is in, outermost first. */
  readonly fieldPath: readonly string[];
  /** The first segment, and the one after the last. */
  readonly start: number;
  readonly end: number;
  /** It is exactly one segment: then a `%2F` in it is a slash of the value, otherwise it stays as it is. */
  readonly isSingle: boolean;
}

/** A template of `google.api.http`, such as `/v1/{name=shelves/*}/books/{book}:read`. */
export interface PathTemplate {
  readonly text: string;
  readonly segments: readonly TemplateSegment[];
  readonly variables: readonly TemplateVariable[];
  /** What stands after the colon; empty where there is none. */
  readonly verb: string;
}

/** A template that is none; the message says what is wrong and where. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/** Characters of a template: a request with a longer path would not fit into its headers. */
const TEMPLATE_CHARS_MAX = 4_096;

const ONE = Object.freeze({ kind: "one" as const });
const REST = Object.freeze({ kind: "rest" as const });

/** Characters of a path segment (RFC 3986, 3.3) but for those that have a meaning in a template. */
const LITERAL = /(?:[\w\-.~!$&'()+,;@]|%[0-9a-fA-F]{2})+/y;
const IDENT = /[A-Za-z_]\w*/y;

/**
 * Reads a template by the grammar of google/api/http.proto ("Path template syntax"), and `/` alone for the root. Throws
 * TemplateError.
 */
export const parseTemplate = (text: string): PathTemplate => {
  const segments: TemplateSegment[] = [];
  const variables: TemplateVariable[] = [];
  let at = 0;
  const refuse = (problem: string) => new TemplateError(`${problem} at character ${at + 1} of "${text}"`);
  const takes = (char: string): boolean => {
    if (text[at] !== char) return false;
    at++;
    return true;
  };
  const take = (pattern: RegExp, what: string): string => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? [];
    if (found === undefined) throw refuse(`${what} is missing`);
    at += found.length;
    return found;
  };
  const literal = (what: string): string => {
    const start = at;
    const found = take(LITERAL, what);
    try {
      return decodeURIComponent(found);
    } catch {
      at = start;
      throw refuse("percent-encoded bytes that are not UTF-8");
    }
  };
  const variable = () => {
    const fieldPath = [take(IDENT, "the name of a field")];
    while (takes(".")) fieldPath.push(take(IDENT, "the name of a field"));
    const name = fieldPath.join(".");
    if (variables.some((other) => other.fieldPath.join(".") === name)) throw refuse(`a second variable ${name}`);
    const start = segments.length;
    if (takes("=")) path(true);
    else segments.push(ONE);
    if (!takes("}")) throw refuse("the end of a variable, }, is missing");
    const end = segments.length;
    variables.push({ fieldPath, start, end, isSingle: end - start === 1 && segments[start] !== REST });
  };
  const segment = (isInVariable: boolean) => {
    if (segments.at(-1) === REST) throw refuse("a segment after **, which must be the last,");
    if (takes("{")) {
      if (isInVariable) throw refuse("a variable in a variable");
      variable();
    } else if (takes("*")) segments.push(takes("*") ? REST : ONE);
    else segments.push({ kind: "literal", text: literal("a segment") });
  };
  const path = (isInVariable: boolean) => {
    do segment(isInVariable);
    while (takes("/"));
  };

  if (text.length > TEMPLATE_CHARS_MAX) throw new TemplateError(`the template has ${text.length} characters`);
  if (!takes("/")) throw refuse("the leading / is missing");
  if (at < text.length) path(false);
  const verb = takes(":") ? literal("a verb") : "";
  if (at < text.length) throw refuse(`a ${JSON.stringify(text[at])} that has no place there`);
  return { text, segments, variables, verb };
};
