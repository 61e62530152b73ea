import { createHash, timingSafeEqual } from "node:crypto";
import type { Random } from "@heddle/mesh/runtime";

/** Bytes of each half of a refresh token. */
const HALF_BYTES = 32;

/**
 * A refresh token in its two halves of 256 random bits: `family` is the same for all tokens of a session, `secret` is new in
 * each. Whoever shows the family with another secret than the current one must have held a token of the session before: that
 * is how a reused token is told from an unknown one, however old it is, without a row for each.
 */
export interface RefreshToken {
  readonly family: Uint8Array;
  readonly secret: Uint8Array;
}

/** What is stored of a refresh token: the SHA-256 of each half. Chance needs no salt. */
export interface RefreshTokenHash {
  readonly familyHash: Uint8Array;
  readonly secretHash: Uint8Array;
}

/** The first token of a session. */
export const newRefreshToken = (random: Random): RefreshToken => ({
  family: random.bytes(HALF_BYTES),
  secret: random.bytes(HALF_BYTES),
});

/** The token that takes the place of `token`. */
export const nextRefreshToken = ({ family }: RefreshToken, random: Random): RefreshToken => ({
  family,
  secret: random.bytes(HALF_BYTES),
});

/** The token as callers carry it: 86 characters of base64url. */
export const formatRefreshToken = ({ family, secret }: RefreshToken): string =>
  Buffer.concat([family, secret]).toString("base64url");

/** Reads what `formatRefreshToken` wrote; undefined for anything else. */
export const parseRefreshToken = (text: string): RefreshToken | undefined => {
  const bytes = Buffer.from(text, "base64url");
  // Node skips what is not base64url; encoding again shows whether it did.
  if (bytes.length !== 2 * HALF_BYTES || bytes.toString("base64url") !== text) return undefined;
  return { family: bytes.subarray(0, HALF_BYTES), secret: bytes.subarray(HALF_BYTES) };
};

export const hashRefreshToken = ({ family, secret }: RefreshToken): RefreshTokenHash => ({
  familyHash: sha256(family),
  secretHash: sha256(secret),
});

/** Takes the same time whether and wherever two hashes differ. */
export const isSameHash = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
