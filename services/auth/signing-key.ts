import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { SigningKey } from "@heddle/contracts/auth/v1";
import type { Random } from "@heddle/mesh/runtime";
import { calculateJwkThumbprint } from "jose";
import { ACCESS_TOKEN_LIFE_MS, KEY_AHEAD_MIN_MS, KEY_AHEAD_MS, KEY_SIGNS_MS, KEY_SKEW_MS } from "./limits.ts";

/** Bytes of either half of an Ed25519 key (RFC 8032). */
const KEY_BYTES = 32;

/** An Ed25519 key pair, as it is stored. */
export interface KeyPair {
  /** The thumbprint of the public key (RFC 7638), 43 characters. */
  readonly kid: string;
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** A key pair and when it takes over. It signs until the next one does. */
export interface ScheduledKey extends KeyPair {
  /** Milliseconds since the epoch. */
  readonly signFromMs: number;
}

/** A key pair from 32 bytes of chance. */
export const newKeyPair = async (random: Random): Promise<KeyPair> => {
  const privateKey = random.bytes(KEY_BYTES);
  const { x = "" } = createPublicKey(privateKeyObject({ privateKey })).export({ format: "jwk" });
  const kid = await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x }, "sha256");
  return { kid, privateKey, publicKey: Buffer.from(x, "base64url") };
};

/** PrivateKeyInfo of an Ed25519 key (RFC 8410, section 7) up to the key itself. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/** The private half as `node:crypto` and `jose` take it. */
export const privateKeyObject = ({ privateKey }: Pick<KeyPair, "privateKey">): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, privateKey]), format: "der", type: "pkcs8" });

/** The key that signs now: the newest whose time has come. `keys`: oldest first. Undefined when there is none at all. */
export const currentKey = (keys: readonly ScheduledKey[], nowMs: number): ScheduledKey | undefined =>
  // A wall clock that was set back before the first key leaves that one in charge.
  keys.findLast(({ signFromMs }) => signFromMs <= nowMs) ?? keys[0];

/**
 * When a key that is made now takes over; undefined when none is due. A key is made, and published, a day before the one
 * before it has signed for a week, so that whoever caches the published keys knows it before its first token.
 */
export const nextSignFromMs = (keys: readonly ScheduledKey[], nowMs: number): number | undefined => {
  const newest = keys.at(-1);
  if (newest === undefined) return nowMs;
  const endMs = newest.signFromMs + KEY_SIGNS_MS;
  return endMs - KEY_AHEAD_MS <= nowMs ? Math.max(endMs, nowMs + KEY_AHEAD_MIN_MS) : undefined;
};

/** Those that nobody needs any more: the last token that they signed has expired, whatever a verifier's clock says. */
export const retiredKeys = (keys: readonly ScheduledKey[], nowMs: number): ScheduledKey[] =>
  keys.filter((_, i) => {
    const next = keys[i + 1];
    return next !== undefined && next.signFromMs + ACCESS_TOKEN_LIFE_MS + KEY_SKEW_MS <= nowMs;
  });

/** The keys to publish: the current one first, then the others, newest first. */
export const publishedKeys = (keys: readonly ScheduledKey[], nowMs: number): ScheduledKey[] => {
  const current = currentKey(keys, nowMs);
  const retired = new Set(retiredKeys(keys, nowMs));
  const others = keys.filter((key) => key !== current && !retired.has(key)).toReversed();
  return current === undefined ? others : [current, ...others];
};

/** The public half as a JSON Web Key (RFC 8037). */
export const publicJwk = ({ kid, publicKey }: KeyPair): Omit<SigningKey, "$typeName" | "$unknown"> => ({
  kty: "OKP",
  crv: "Ed25519",
  alg: "EdDSA",
  use: "sig",
  kid,
  x: Buffer.from(publicKey).toString("base64url"),
});
