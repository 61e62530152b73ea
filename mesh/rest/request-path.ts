import type { ConnectError } from "@connectrpc/connect";
import { fail } from "../contract/fail.ts";
import type { PathTemplate, TemplateVariable } from "./path-template.ts";
import { PATH_MALFORMED } from "./reasons.ts";

/** The path of a request, cut into segments. */
export interface RequestPath {
  /** As they were sent. */
  readonly raw: readonly string[];
  /** Percent-decoded. */
  readonly decoded: readonly string[];
  /** What stands after the last colon of the last segment, decoded; empty where there is none. */
  readonly verb: string;
  /** The characters that the verb and its colon take at the end of the last segment as it was sent. */
  readonly verbChars: number;
}

/** A request's target without its fragment: the path, and what stands after the question mark. */
export const splitTarget = (target: string): { readonly path: string; readonly query: string } => {
  const [whole = ""] = target.split("#", 1);
  const at = whole.indexOf("?");
  return at < 0 ? { path: whole, query: "" } : { path: whole.slice(0, at), query: whole.slice(at + 1) };
};

/** Cuts a path, without its query, into segments. Throws INVALID_ARGUMENT `PATH_MALFORMED` where it cannot be decoded. */
export const parsePath = (path: string): RequestPath => {
  const raw = path === "/" ? [] : path.slice(1).split("/");
  const decoded = raw.map((segment) => decodeText(segment));
  const last = raw.at(-1) ?? "";
  const colon = last.lastIndexOf(":");
  const hasVerb = colon > 0 && colon < last.length - 1;
  return {
    raw,
    decoded,
    verb: hasVerb ? decodeText(last.slice(colon + 1)) : "",
    verbChars: hasVerb ? last.length - colon : 0,
  };
};

/** The value of a variable in a path that matches its template. */
export const variableText = (variable: TemplateVariable, template: PathTemplate, path: RequestPath): string => {
  const { start, end, isSingle } = variable;
  const isLast = end === template.segments.length;
  const isOpen = isLast && template.segments.at(-1)?.kind === "rest";
  const segments = path.raw.slice(start, isOpen ? undefined : end);
  const last = segments.length - 1;
  if (isLast && template.verb !== "" && last >= 0) segments[last] = segments[last]?.slice(0, -path.verbChars) ?? "";
  return isSingle ? decodeText(segments.join("/")) : segments.map(decodeAllButSlashes).join("/");
};

/** The server decodes what spans segments, "except %2F and %2f are left unchanged" (http.proto). */
const decodeAllButSlashes = (segment: string): string =>
  segment
    .split(/(%2f)/i)
    .map((part, index) => (index % 2 === 1 ? part : decodeText(part)))
    .join("");

const decodeText = (text: string): string => {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw malformed(cause);
  }
};

const malformed = (cause: unknown): ConnectError => fail(PATH_MALFORMED, {}, { cause });
