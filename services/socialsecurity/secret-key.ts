import { createHmac, createSecretKey, type KeyObject } from "node:crypto";

/** Bytes of a key: AES-256 (FIPS 197), and HMAC-SHA-256 at full strength (RFC 2104). */
export const KEY_BYTES = 32;

/** A key of the operator's. The bytes stay outside of JavaScript's memory, and no way of printing it shows them. */
export interface SecretKey {
  /** Tells keys apart, and is kept with what a key protects, to tell a wrong key: 32 hexadecimal digits. */
  readonly id: string;
  readonly key: KeyObject;
  toString(): string;
}

/** Makes a key from its bytes, which are zeroed. */
export const secretKey = (bytes: Uint8Array): SecretKey => {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return Object.freeze({ id: idOf(key), key, toString: () => "***" });
};

/** Reads a key from base64 (RFC 4648 section 4). Throws a RangeError that says what is wrong and never shows the text. */
export const parseSecretKey = (text: string): SecretKey => {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed, "base64");
  const canonical = bytes.toString("base64");
  if (trimmed !== canonical && trimmed !== canonical.replace(/=+$/, ""))
    throw new RangeError(`is not base64; ${MAKE_ONE}`);
  if (bytes.length !== KEY_BYTES) throw new RangeError(`holds ${bytes.length} bytes, not ${KEY_BYTES}; ${MAKE_ONE}`);
  return secretKey(bytes);
};

/** The next step in every message that asks for a key. */
export const MAKE_ONE = "make a key with `openssl rand -base64 32`";

/** A pseudorandom function of the key, cut to 128 bits: it gives nothing of the key away, and no two keys share one. */
const idOf = (key: KeyObject): string =>
  createHmac("sha256", key).update("heddle socialsecurity: key id").digest("hex").slice(0, 32);
