import { type KeyObject, verify } from "node:crypto";
import type { Problem } from "./problem.ts";

/** Who says what an access token says: its `iss`. */
export const TOKEN_ISSUER = "heddle";
/** Characters of a token that is looked at: one with 16 roles has 900. */
export const TOKEN_CHARS_MAX = 4_096;
/** Milliseconds by which the clocks of signer and verifier may differ. */
export const TOKEN_LEEWAY_MS = 30_000;

const ROLES_MAX = 16;
const NAME_CHARS_MAX = 64;
const SIGNATURE_BYTES = 64;

/** What an access token says that concerns the mesh. */
export interface Claims {
  readonly userId: string;
  readonly roles: readonly string[];
  /** Milliseconds since the epoch, as the token says. */
  readonly expiresMs: number;
}

/** A token taken apart. Nothing of it is proven before `verifyAccessToken`. */
export interface ParsedToken {
  readonly kid: string;
  readonly payload: string;
  /** The bytes that are signed. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/**
 * Takes a JWS in compact form (RFC 7515) apart. There is one algorithm, Ed25519 (RFC 8037), whatever a token would like: neither
 * `none`, nor a public key as the secret of an HMAC, ever gets as far as a key.
 */
export const parseAccessToken = (token: string): ParsedToken | Problem => {
  if (token.length > TOKEN_CHARS_MAX) return invalid(`is longer than ${TOKEN_CHARS_MAX} characters`);
  const [header = "", payload = "", tail = "", ...more] = token.split(".");
  if (header === "" || payload === "" || more.length > 0) return invalid("is no JWT of three parts");
  const said = jsonOf(header);
  if (said === undefined) return invalid("has a header that cannot be read");
  if (said.alg !== "EdDSA") return invalid("is not signed by EdDSA");
  // RFC 7515, 4.1.11: what must be understood is not.
  if (said.crit !== undefined) return invalid("has a header that asks for more than is known");
  if (typeof said.kid !== "string" || said.kid === "" || said.kid.length > NAME_CHARS_MAX)
    return invalid("names no key");
  const signature = bytesOf(tail);
  if (signature?.length !== SIGNATURE_BYTES) return invalid("has a signature that cannot be read");
  return { kid: said.kid, payload, signed: Buffer.from(`${header}.${payload}`, "latin1"), signature };
};

/** What a token says, if its key signed it and its time is now. */
export const verifyAccessToken = (token: ParsedToken, key: KeyObject, nowMs: number): Claims | Problem => {
  if (!verify(null, token.signed, key, token.signature)) return invalid("was not signed by the key that it names");
  const said = jsonOf(token.payload);
  if (said === undefined || said.iss !== TOKEN_ISSUER) return invalid(`was not issued by ${TOKEN_ISSUER}`);
  const { sub, exp, nbf, roles = [] } = said;
  if (typeof sub !== "string" || sub === "" || sub.length > NAME_CHARS_MAX) return invalid("names no user");
  if (typeof exp !== "number" || !Number.isFinite(exp)) return invalid("does not say when it expires");
  if (nbf !== undefined && !(typeof nbf === "number" && nbf * 1000 <= nowMs + TOKEN_LEEWAY_MS))
    return invalid("is not good yet");
  if (!Array.isArray(roles) || roles.length > ROLES_MAX || !roles.every((role) => typeof role === "string"))
    return invalid("has roles that cannot be read");
  const expiresMs = exp * 1000 + TOKEN_LEEWAY_MS;
  if (expiresMs <= nowMs) return { problem: "expired" };
  return { userId: sub, roles: Object.freeze([...roles]), expiresMs };
};

const invalid = (why: string): Problem => ({ problem: "invalid", why: `the access token ${why}` });

const jsonOf = (text: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(bytesOf(text)?.toString("utf8") ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
};

/** Bytes from base64url in its one right form: a token that was changed anywhere is another token. */
const bytesOf = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
};
