import type { Code } from "@connectrpc/connect";
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";

/** Why a call fails: the stable, machine-readable part of an error (AIP-193). */
export interface Reason<T extends string = string> {
  readonly reason: string;
  readonly code: Code;
  /** The proto package that owns the reason. */
  readonly domain: string;
  /** The message, with `{placeholders}` for the values that it shows. */
  readonly message: T;
}

/** The values that a message's placeholders ask for. */
export type Values<T extends string> = T extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [K in Name]: string | number | bigint } & Values<Rest>
  : unknown;

/** One field of a bad request, by its path in the contract, for instance `address.country_code`. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** What an error carries beside its reason. */
export interface FailOptions {
  readonly violations?: readonly Violation[];
  /** When the caller may try again, in milliseconds. */
  readonly retryDelayMs?: number;
  /** For the log only; never sent. */
  readonly cause?: unknown;
}

/**
 * How much of an error is sent. Details travel in one header field, base64, twice as percent-encoded text, and common
 * clients refuse more than 8 KiB of headers: an error that is cut is worth more than one that never arrives.
 */
export const VALUE_CHARS_MAX = 256;
export const VIOLATIONS_MAX = 32;
export const VIOLATION_CHARS_MAX = 3072;

/**
 * Declares the reasons of one domain.
 *
 * @example
 * const reason = reasons("customer.v1");
 * export const CUSTOMER_NOT_FOUND = reason("CUSTOMER_NOT_FOUND", Code.NotFound, "Customer {customerId} does not exist.");
 */
export const reasons =
  (domain: string) =>
  <T extends string>(reason: string, code: Code, message: T): Reason<T> => ({ reason, code, domain, message });

/**
 * The error to throw for a reason: a ConnectError with one `google.rpc.ErrorInfo` whose metadata holds every value that
 * the message shows, `BadRequest` when fields are at fault, `RetryInfo` when trying again can help (AIP-193). Values are
 * cut to VALUE_CHARS_MAX characters, violations to VIOLATIONS_MAX.
 *
 * @example throw fail(CUSTOMER_NOT_FOUND, { customerId });
 */
export const fail = <T extends string>(
  reason: Reason<T>,
  values: Values<T>,
  options: FailOptions = {},
): ConnectError => {
  const metadata = Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, cut(String(value))]));
  const message = reason.message.replaceAll(/\{(\w+)\}/g, (_, name: string) => metadata[name] ?? "");
  const error = new ConnectError(message, reason.code, undefined, undefined, options.cause);
  error.details.push({ desc: ErrorInfoSchema, value: { reason: reason.reason, domain: reason.domain, metadata } });
  if (options.violations !== undefined) {
    error.details.push({ desc: BadRequestSchema, value: { fieldViolations: bounded(options.violations) } });
  }
  if (options.retryDelayMs !== undefined) {
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay: durationOf(options.retryDelayMs) } });
  }
  return error;
};

/** Cuts a text to what an error may carry; never in the middle of a character, which could not be encoded. */
const cut = (text: string): string =>
  (text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX - 1)}…`).toWellFormed();

const bounded = (violations: readonly Violation[]): Violation[] => {
  const sent: Violation[] = [];
  let chars = 0;
  for (const { field, description } of violations.slice(0, VIOLATIONS_MAX)) {
    const violation = { field: cut(field), description: cut(description) };
    chars += violation.field.length + violation.description.length;
    if (chars > VIOLATION_CHARS_MAX) break;
    sent.push(violation);
  }
  return sent;
};

const durationOf = (ms: number): { seconds: bigint; nanos: number } => {
  const wholeMs = Math.max(0, Math.ceil(ms));
  return { seconds: BigInt(Math.floor(wholeMs / 1000)), nanos: (wholeMs % 1000) * 1e6 };
};
