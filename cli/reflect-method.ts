import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { http } from "@heddle/contracts/google/api";
import { access } from "@heddle/contracts/heddle/options/v1";
import { methodOptions } from "@heddle/mesh/contract";
import { methodName } from "./reflect-symbols.ts";

/** What a contract says of one method, for programs. */
export interface MethodSummary {
  /** As `heddle call` takes it. */
  readonly method: string;
  readonly kind: "unary" | "server stream" | "client stream" | "bidi stream";
  readonly request: string;
  readonly reply: string;
  readonly idempotency: "unknown" | "idempotent" | "no-side-effects";
  /** Undefined when the contract does not say. */
  readonly access: { public: boolean; roles: readonly string[]; services: readonly string[] } | undefined;
  /** Undefined: no cap. */
  readonly timeoutMs: number | undefined;
  readonly priority: "low" | "normal" | "high" | "critical";
  /** Routes of `google.api.http`, such as `GET /v1/customers/{customer_id}`. */
  readonly routes: readonly string[];
}

/** Reads the summary of a method. */
export const summaryOf = (method: DescMethod): MethodSummary => {
  const options = methodOptions(method);
  return {
    method: methodName(method),
    kind: KINDS[method.methodKind],
    request: method.input.typeName,
    reply: method.output.typeName,
    idempotency: options.idempotency,
    access: hasOption(method, access) ? options.access : undefined,
    timeoutMs: options.timeoutMs,
    priority: options.priority,
    routes: routesOf(method),
  };
};

/** Who may call, in words: `roles clerk, auditor; services order`. */
export const accessText = (allowed: MethodSummary["access"]): string => {
  if (allowed === undefined) return "";
  if (allowed.public) return "everyone";
  const parts: string[] = [];
  if (allowed.roles.length > 0) parts.push(allowed.roles.join(", "));
  if (allowed.services.length > 0) {
    parts.push(`services ${allowed.services.map((name) => (name === "*" ? "all" : name)).join(", ")}`);
  }
  return parts.join("; ") || "nobody";
};

const KINDS = {
  unary: "unary",
  server_streaming: "server stream",
  client_streaming: "client stream",
  bidi_streaming: "bidi stream",
} as const;

const routesOf = (method: DescMethod): string[] => {
  if (!hasOption(method, http)) return [];
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings].flatMap(({ pattern }) => {
    if (pattern.case === undefined) return [];
    if (pattern.case === "custom") return [`${pattern.value.kind} ${pattern.value.path}`];
    return [`${pattern.case.toUpperCase()} ${pattern.value}`];
  });
};
