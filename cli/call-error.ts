import { createRegistry, type DescMethod, fromBinary, type Registry, toJson } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  file_google_rpc_error_details,
  RetryInfoSchema,
} from "@heddle/contracts/google/rpc";
import { methodName } from "./reflect-symbols.ts";
import type { Colors } from "./terminal.ts";
import { formatDuration } from "./units.ts";

/** An RPC that failed, in the form of `heddle call --json`. */
export interface RpcFailure {
  /** As gRPC writes it: `NOT_FOUND`. */
  readonly code: string;
  /** gRPC's number of it. */
  readonly status: Code;
  readonly message: string;
  readonly reason?: string;
  readonly domain?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fieldViolations?: readonly { readonly field: string; readonly description: string }[];
  readonly retryAfterMs?: number;
  /** Details of other types, as JSON with `@type`. */
  readonly details?: readonly unknown[];
  /** What to do now. */
  readonly next: string;
}

/** Takes an error apart. `registry` knows the types of details that are not of `google.rpc`. */
export const describeRpcError = (error: ConnectError, method: DescMethod, registry?: Registry): RpcFailure => {
  const [info] = error.findDetails(ErrorInfoSchema);
  const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const retryDelay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const details = otherDetails(error, registry);
  return {
    code: codeName(error.code),
    status: error.code,
    message: error.rawMessage,
    ...(info && { reason: info.reason, domain: info.domain, metadata: info.metadata }),
    ...(violations.length > 0 && {
      fieldViolations: violations.map(({ field, description }) => ({ field, description })),
    }),
    ...(retryDelay && { retryAfterMs: durationMs(retryDelay) }),
    ...(details.length > 0 && { details }),
    next: nextStep(error, method),
  };
};

/** The lines for a person. */
export const rpcFailureLines = (failure: RpcFailure, colors: Colors): string[] => {
  const { code, message, reason, domain, metadata, fieldViolations, retryAfterMs, details, next } = failure;
  const rows: [string, string][] = [];
  if (reason !== undefined) rows.push(["reason", `${reason} (${domain})`]);
  for (const [name, value] of Object.entries(metadata ?? {}))
    rows.push([reason ? "" : "metadata", `${name} = ${value}`]);
  for (const { field, description } of fieldViolations ?? []) {
    rows.push(["field", `${colors.bold(field || "(request)")} ${description}`]);
  }
  if (retryAfterMs !== undefined) rows.push(["retry", `after ${formatDuration(retryAfterMs)}`]);
  for (const detail of details ?? []) rows.push(["detail", JSON.stringify(detail)]);
  rows.push(["next", next]);
  return [
    `${colors.red("error:")}  ${colors.bold(code)} ${message}`,
    ...rows.map(([label, text]) => `${colors.dim((label && `${label}:`).padEnd(8))}${text}`),
  ];
};

/** The name of a status as gRPC writes it. */
const codeName = (code: Code): string =>
  // Connect spells this one with one L.
  code === Code.Canceled ? "CANCELLED" : codeToString(code).toUpperCase();

const SHOWN: ReadonlySet<string> = new Set([
  ErrorInfoSchema.typeName,
  BadRequestSchema.typeName,
  RetryInfoSchema.typeName,
]);

const otherDetails = (error: ConnectError, registry: Registry | undefined): unknown[] => {
  const known = createRegistry(file_google_rpc_error_details, ...(registry ? [registry] : []));
  return error.details.flatMap((detail) => {
    if ("desc" in detail || SHOWN.has(detail.type)) return [];
    const schema = known.getMessage(detail.type);
    const base64 = { "@type": detail.type, value: Buffer.from(detail.value).toString("base64") };
    if (schema === undefined) return [base64];
    try {
      const json = toJson(schema, fromBinary(schema, detail.value), { registry: known });
      return [{ "@type": detail.type, ...(json as object) }];
    } catch {
      return [base64];
    }
  });
};

/** What somebody does who is not let in. */
export const accessStep = (code: Code): string =>
  code === Code.Unauthenticated
    ? "heddle login, or send a token with --token or HEDDLE_TOKEN"
    : "heddle whoami shows your roles, heddle login takes others";

const nextStep = (error: ConnectError, method: DescMethod): string => {
  const service = method.parent.typeName;
  switch (error.code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
      return `heddle describe ${method.input.typeName}`;
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return `${accessStep(error.code)}; heddle describe ${methodName(method)} says who may call`;
    case Code.Unimplemented:
      return `heddle list ${service}`;
    case Code.Unavailable:
      return "heddle status shows what runs, heddle up starts it";
    case Code.DeadlineExceeded:
      return `try a longer --timeout; heddle describe ${methodName(method)} shows the longest that it may be`;
    case Code.Aborted:
      return "read it again, then repeat the call with what was read";
    case Code.ResourceExhausted:
      return error.findDetails(ErrorInfoSchema)[0]?.reason === "MESSAGE_TOO_LARGE"
        ? "send less in one call"
        : "repeat the call later";
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      return "heddle logs shows the cause";
    default:
      return `heddle describe ${methodName(method)}`;
  }
};
