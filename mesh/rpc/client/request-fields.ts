import { PROTOCOL_FIELDS } from "../grpc-status.ts";

/** What `new Headers` takes. */
export type HeaderInit = ConstructorParameters<typeof Headers>[0];

/** The fields of a request that its method does not know: name and value in turn. */
export interface RequestFields {
  readonly extra: string[];
  /** True when there is a `user-agent` among them. */
  readonly ownUserAgent: boolean;
}

/**
 * A caller's headers as fields: names in lower case, without what belongs to the protocol. A name or a value that HTTP forbids
 * throws a TypeError, as it does in `Headers`.
 */
export const requestFields = (headers: HeaderInit): RequestFields => {
  const extra: string[] = [];
  let ownUserAgent = false;
  for (const [given, text] of entriesOf(headers)) {
    const name = given.toLowerCase();
    if (name === "user-agent") ownUserAgent = true;
    else if (PROTOCOL_FIELDS.has(name) && name !== "grpc-timeout" && name !== "date") continue;
    const value = text.trim();
    if (!NAME.test(name)) throw new TypeError(`"${given}" is no name of a header`);
    if (!VALUE.test(value)) throw new TypeError(`the header ${name} has a value that HTTP cannot carry`);
    extra.push(name, value);
  }
  return { extra, ownUserAgent };
};

/** The fields among `fields` whose name `over` does not have: those of `over` replace them. */
export const withoutReplaced = (fields: readonly string[], over: readonly string[]): string[] => {
  const kept: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (!hasField(over, name)) kept.push(name, fields[index + 1] as string);
  }
  return kept;
};

export const hasField = (fields: readonly string[], name: string): boolean => {
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) return true;
  return false;
};

const entriesOf = (headers: HeaderInit): Iterable<readonly [string, string]> => {
  if (headers === undefined) return [];
  if (Symbol.iterator in headers) return [...headers].map(([name = "", value = ""]) => [name, value] as const);
  return Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
};

/** RFC 9110, 5.6.2 (token). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9110, 5.5 (field-value). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
