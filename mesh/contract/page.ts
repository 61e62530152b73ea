import { createHash } from "node:crypto";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { commonReasons } from "./common-reasons.ts";
import { fail } from "./fail.ts";
import { messageHash } from "./message-hash.ts";

/** The fields that every List request has (AIP-158). */
export interface PagedRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Which rows a List call asks for. */
export interface Page {
  /** How many rows, at least 1. Read one more to know whether the list goes on, see `takePage`. */
  readonly size: number;
  /** The key of the last row of the page before; undefined for the first page. */
  readonly after: readonly string[] | undefined;
}

/** Rows in a page. */
export interface PageSizes {
  /** For requests that leave `page_size` at 0. */
  readonly defaultSize: number;
  /** Larger sizes are taken as this one. */
  readonly maxSize: number;
}

/** Layout: version, hash of the other arguments, checksum of what follows, the key as JSON; all in base64url. */
const VERSION = 1;
const ARGUMENTS_BYTES = 12;
const CHECKSUM_BYTES = 4;
const HEAD_BYTES = 1 + ARGUMENTS_BYTES + CHECKSUM_BYTES;
/** What the contracts allow in `page_token`. */
const TOKEN_CHARS_MAX = 1024;

/**
 * The page that a List request asks for (AIP-158). Throws INVALID_ARGUMENT: `PAGE_SIZE_INVALID` for a negative size,
 * `PAGE_TOKEN_INVALID` for a token that this list did not give, or gave for other arguments. `page_size` may change
 * between pages.
 */
export const pageOf = <M extends DescMessage>(
  schema: M,
  request: MessageShape<M> & PagedRequest,
  { defaultSize, maxSize }: PageSizes,
): Page => {
  if (request.pageSize < 0) {
    throw fail(
      commonReasons(schema.file.proto.package).PAGE_SIZE_INVALID,
      { pageSize: request.pageSize },
      { violations: [{ field: "page_size", description: "must not be negative" }] },
    );
  }
  const size = request.pageSize === 0 ? defaultSize : Math.min(request.pageSize, maxSize);
  return { size, after: request.pageToken === "" ? undefined : keyOf(schema, request) };
};

/**
 * The token of the page that follows the row with `key`: opaque, and good only with the same other arguments. The key is
 * readable to whoever decodes the token, so it must hold nothing that the caller may not see; a token grants nothing.
 * Throws a RangeError for a key of more than about 700 bytes.
 */
export const nextPageToken = <M extends DescMessage>(
  schema: M,
  request: MessageShape<M> & PagedRequest,
  key: readonly string[],
): string => {
  const body = Buffer.from(JSON.stringify(key));
  const head = [Buffer.of(VERSION), argumentsHash(schema, request), checksumOf(body)];
  const token = Buffer.concat([...head, body]).toString("base64url");
  if (token.length > TOKEN_CHARS_MAX)
    throw new RangeError(`The key of a page is too long for a token: ${body.length} bytes.`);
  return token;
};

/**
 * Splits rows that were read with `LIMIT size + 1` into the page and whether another follows.
 *
 * @example
 * const { items, last } = takePage(rows, page.size);
 * return { customers: items, nextPageToken: last ? nextPageToken(Schema, request, [last.id]) : "" };
 */
export const takePage = <R>(rows: readonly R[], size: number): { items: R[]; more: boolean; last: R | undefined } => {
  const more = rows.length > size;
  const items = rows.slice(0, size);
  return { items, more, last: more ? items.at(-1) : undefined };
};

const keyOf = <M extends DescMessage>(schema: M, request: MessageShape<M> & PagedRequest): string[] => {
  const refuse = (problem: string) =>
    fail(
      commonReasons(schema.file.proto.package).PAGE_TOKEN_INVALID,
      { problem },
      { violations: [{ field: "page_token", description: problem }] },
    );
  const token = request.pageToken;
  const bytes = token.length <= TOKEN_CHARS_MAX ? Buffer.from(token, "base64url") : Buffer.alloc(0);
  const body = bytes.subarray(HEAD_BYTES);
  // Node skips what is not base64url; encoding again shows whether it did.
  const whole = bytes.length > HEAD_BYTES && bytes.toString("base64url") === token;
  if (!whole || bytes[0] !== VERSION || !bytes.subarray(1 + ARGUMENTS_BYTES, HEAD_BYTES).equals(checksumOf(body))) {
    throw refuse("it was not given by this list; use next_page_token as it is, or start again without a token");
  }
  if (!bytes.subarray(1, 1 + ARGUMENTS_BYTES).equals(argumentsHash(schema, request))) {
    throw refuse("it was given for other arguments; repeat them, or start again without a token");
  }
  const key: unknown = JSON.parse(body.toString());
  if (!Array.isArray(key) || !key.every((part) => typeof part === "string")) {
    throw refuse("it was not given by this list; use next_page_token as it is, or start again without a token");
  }
  return key;
};

const argumentsHash = <M extends DescMessage>(schema: M, request: MessageShape<M>): Uint8Array =>
  messageHash(schema, request, { without: ["page_size", "page_token"] }).subarray(0, ARGUMENTS_BYTES);

const checksumOf = (body: Uint8Array): Uint8Array =>
  createHash("sha256").update(body).digest().subarray(0, CHECKSUM_BYTES);
