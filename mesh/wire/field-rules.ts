import type { HeaderList } from "./header-list.ts";

/** What a section is: the rules differ. */
export type SectionKind = "request" | "response" | "trailers";

/** What is known of a section once it was checked. */
export interface FieldVerdict {
  readonly kind: SectionKind;
  /** Why the section is malformed (RFC 9113, 8.1.1), or undefined. */
  readonly malformed: string | undefined;
  /** Bytes of the list, uncompressed, 32 per field added (RFC 9113, 6.5.2). */
  readonly bytes: number;
  /** `content-length`, or -1. */
  readonly contentLength: number;
  /** A response's `:status`, or 0. */
  readonly status: number;
  readonly method: string;
  /** The request waits for a 100 before it sends its body (RFC 9110, 10.1.1). */
  readonly expectsContinue: boolean;
}

/** Checks a section by RFC 9113, 8.2 and 8.3; a second look at the same list costs nothing. */
export const checkFields = (list: HeaderList, kind: SectionKind): FieldVerdict => {
  const known = list.verdict;
  if (known !== undefined && known.kind === kind) return known;
  const verdict = check(list.fields, kind);
  list.verdict = verdict;
  return verdict;
};

/** Fields that speak of one connection and have no place in HTTP/2 (RFC 9113, 8.2.2). */
const CONNECTION_FIELDS = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

/** What a field costs beside its text. */
const FIELD_BYTES = 32;

const PSEUDO: Readonly<Record<SectionKind, ReadonlySet<string>>> = {
  request: new Set([":method", ":scheme", ":path", ":authority"]),
  response: new Set([":status"]),
  trailers: new Set(),
};

const check = (fields: readonly string[], kind: SectionKind): FieldVerdict => {
  const pseudo = new Map<string, string>();
  let malformed: string | undefined;
  let bytes = 0;
  let contentLength = -1;
  let expectsContinue = false;
  let regularSeen = false;
  for (let index = 0; index < fields.length && malformed === undefined; index += 2) {
    const name = fields[index] as string;
    const value = fields[index + 1] as string;
    bytes += name.length + value.length + FIELD_BYTES;
    if (!isValue(value)) malformed = `the value of ${printable(name)} has characters that no header may have`;
    else if (name.startsWith(":")) {
      if (regularSeen) malformed = `${printable(name)} comes after other fields`;
      else if (!PSEUDO[kind].has(name)) malformed = `${printable(name)} has no place in ${kind}`;
      else if (pseudo.has(name)) malformed = `${name} comes twice`;
      pseudo.set(name, value);
      continue;
    } else if (!isName(name)) malformed = `"${printable(name)}" is no field name`;
    else if (CONNECTION_FIELDS.has(name)) malformed = `${name} has no place in HTTP/2`;
    else if (name === "te" && value !== "trailers") malformed = "te may only be trailers";
    else if (name === "content-length") {
      const length = /^\d{1,15}$/.test(value) ? Number(value) : -1;
      if (length < 0 || (contentLength >= 0 && contentLength !== length)) malformed = "content-length is no length";
      contentLength = length;
    } else if (name === "expect" && value.toLowerCase() === "100-continue") expectsContinue = true;
    regularSeen = true;
  }
  malformed ??= kind === "request" ? missingOfRequest(pseudo) : undefined;
  const statusText = pseudo.get(":status") ?? "";
  if (kind === "response" && !/^[1-9]\d\d$/.test(statusText)) malformed ??= "there is no :status";
  return {
    kind,
    malformed,
    bytes,
    contentLength,
    status: Number(statusText),
    method: pseudo.get(":method") ?? "",
    expectsContinue,
  };
};

const missingOfRequest = (pseudo: ReadonlyMap<string, string>): string | undefined => {
  const method = pseudo.get(":method") ?? "";
  if (!isToken(method)) return "there is no :method";
  if (method === "CONNECT") {
    // RFC 9113, 8.5: a tunnel has an authority and nothing else.
    const whole = pseudo.has(":authority") && !pseudo.has(":scheme") && !pseudo.has(":path");
    return whole ? undefined : "CONNECT takes :authority alone";
  }
  if ((pseudo.get(":scheme") ?? "") === "") return "there is no :scheme";
  const path = pseudo.get(":path") ?? "";
  if (path.startsWith("/") || (path === "*" && method === "OPTIONS")) return undefined;
  return "there is no :path";
};

/** RFC 9110, 5.6.2, without upper case (RFC 9113, 8.2.1). */
const isName = (name: string): boolean => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name);
const isToken = (text: string): boolean => /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(text);

/** RFC 9113, 8.2.1: no NUL, CR or LF, no white space at either end. */
const isValue = (value: string): boolean => {
  for (let index = 0; index < value.length; index++) {
    const byte = value.charCodeAt(index);
    if (byte === 0 || byte === 10 || byte === 13) return false;
  }
  return !isSpace(value.charCodeAt(0)) && !isSpace(value.charCodeAt(value.length - 1));
};

const isSpace = (byte: number): boolean => byte === 32 || byte === 9;

/** For a message that goes to the peer and the log: short, and nothing but visible ASCII. */
const printable = (text: string): string => text.slice(0, 64).replaceAll(/[^\x21-\x7e]/g, "?");
