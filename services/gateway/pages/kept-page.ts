import { createHash } from "node:crypto";
import { compressGzip } from "@heddle/mesh/rpc";
import type { HeaderList } from "@heddle/mesh/wire";
import type { Page } from "./respond-page.ts";

/** A page that is asked for again and again: compressed once, and not sent to who has it. */
export interface KeptPage {
  readonly type: string;
  readonly body: Uint8Array;
  readonly compressed: Uint8Array;
  /** Changes with the body (RFC 9110, 8.8.3). Weak: it is the same for the compressed one. */
  readonly etag: string;
}

/** @param version What the body is made from; default: the body itself. */
export const keptPage = async (
  type: string,
  body: Uint8Array,
  version: string | Uint8Array = body,
): Promise<KeptPage> => {
  const etag = `W/"${createHash("sha256").update(version).digest("base64url").slice(0, 22)}"`;
  return { type, body, compressed: await compressGzip(body), etag };
};

/** The answer to a request for a kept page: 304 where the caller has it (RFC 9110, 13.1.2). Callers ask each time. */
export const answerOf = (page: KeptPage, headers: HeaderList, fields: readonly string[] = []): Page => {
  const { type, body, compressed, etag } = page;
  const all = ["etag", etag, "cache-control", "no-cache", "x-content-type-options", "nosniff", ...fields];
  return has(headers.get("if-none-match"), etag)
    ? { status: 304, fields: [...all, "vary", "accept-encoding"] }
    : { fields: all, type, body, compressed };
};

const has = (known: string | undefined, etag: string): boolean =>
  (known ?? "").split(",").some((one) => [etag, etag.slice(2), "*"].includes(one.trim()));
