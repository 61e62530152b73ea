import type { DescMethod } from "@bufbuild/protobuf";
import { hasOption } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { access } from "@heddle/contracts/heddle/options/v1";
import { methodOptions } from "../contract/options.ts";
import { HTTP_STATUS } from "../rest/index.ts";
import type { Comments } from "./comments.ts";

/** The HTTP status of each code that contracts name; the two others say nothing that a caller could prepare for. */
const STATUS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(HTTP_STATUS)
    .map(([code, status]) => [Number(code) as Code, status] as const)
    .filter(([code]) => code !== Code.Canceled && code !== Code.Unknown)
    .map(([code, status]) => [codeToString(code).toUpperCase(), status]),
);

const CODE_OR_REASON = new RegExp(`\`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\`|\\b(${Object.keys(STATUS).join("|")})\\b`, "g");

/** A way in which a method fails, as the contract tells. */
export interface Failure {
  /** HTTP's. */
  readonly status: number;
  /** For the reader: codes with the reasons that the comments name. */
  readonly description: string;
}

/**
 * How a method fails, by HTTP status: what its comment and those of its request's fields say ("Fails with NOT_FOUND and reason
 * `ORDER_NOT_FOUND`"), and what its options mean.
 */
export const failuresOf = (method: DescMethod, comments: Comments): Failure[] => {
  const reasons = new Map<string, Set<string>>([["INVALID_ARGUMENT", new Set()]]);
  const { access: allowed, rateLimit, timeoutMs } = methodOptions(method);
  const named = (code: string): Set<string> => {
    const found = reasons.get(code) ?? new Set();
    reasons.set(code, found);
    return found;
  };
  const texts = [
    comments.get(`${method.parent.typeName}.${method.name}`),
    ...method.input.fields.map((field) => comments.get(`${method.input.typeName}.${field.name}`)),
  ];
  for (const text of texts) {
    for (const sentence of (text ?? "").split(/(?<=\.)\s/)) {
      let code: string | undefined;
      for (const [, reason, told] of sentence.matchAll(CODE_OR_REASON)) {
        if (told !== undefined) {
          code = told;
          named(told);
        } else if (code !== undefined && reason !== undefined) named(code).add(reason);
      }
    }
  }
  if (hasOption(method, access) && !allowed.public) {
    named("UNAUTHENTICATED");
    named("PERMISSION_DENIED");
  }
  if (rateLimit !== undefined) named("RESOURCE_EXHAUSTED");
  named("UNAVAILABLE");
  if (timeoutMs !== undefined) named("DEADLINE_EXCEEDED");
  const byStatus = Map.groupBy(reasons, ([code]) => STATUS[code] ?? 500);
  return [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([status, codes]) => ({ status, description: codes.map(textOf).join(" ") }));
};

const textOf = ([code, reasons]: [string, ReadonlySet<string>]): string =>
  reasons.size === 0 ? `${code}.` : `${code}: ${[...reasons].map((reason) => `\`${reason}\``).join(", ")}.`;
