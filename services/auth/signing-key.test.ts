import { expect, test } from "vitest";
import { ACCESS_TOKEN_LIFE_MS, KEY_AHEAD_MIN_MS, KEY_AHEAD_MS, KEY_SIGNS_MS, KEY_SKEW_MS } from "./limits.ts";
import {
  currentKey,
  newKeyPair,
  nextSignFromMs,
  publicJwk,
  publishedKeys,
  retiredKeys,
  type ScheduledKey,
} from "./signing-key.ts";

const T0 = 1_767_225_600_000;
const key = (kid: string, signFromMs: number): ScheduledKey => ({
  kid,
  signFromMs,
  privateKey: new Uint8Array(32),
  publicKey: new Uint8Array(32),
});
const kids = (keys: readonly ScheduledKey[]) => keys.map(({ kid }) => kid);
const [OLD, NEW] = [key("old", T0), key("new", T0 + KEY_SIGNS_MS)];
const KEYS = [OLD, NEW];

test("a key pair and its id are those of RFC 8037, appendix A", async () => {
  const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
  const pair = await newKeyPair({ bytes: () => seed, below: () => 0 });
  expect(publicJwk(pair)).toEqual({
    kty: "OKP",
    crv: "Ed25519",
    alg: "EdDSA",
    use: "sig",
    kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
  });
});

test("the first key signs at once, the next is made a day ahead", () => {
  expect(nextSignFromMs([], T0)).toBe(T0);
  expect(nextSignFromMs([OLD], T0 + KEY_SIGNS_MS - KEY_AHEAD_MS - 1)).toBeUndefined();
  expect(nextSignFromMs([OLD], T0 + KEY_SIGNS_MS - KEY_AHEAD_MS)).toBe(T0 + KEY_SIGNS_MS);
  expect(nextSignFromMs(KEYS, T0 + KEY_SIGNS_MS - KEY_AHEAD_MS)).toBeUndefined();
});

test("after a standstill the old key signs until the new one is known", () => {
  const late = T0 + 10 * KEY_SIGNS_MS;
  expect(nextSignFromMs([OLD], late)).toBe(late + KEY_AHEAD_MIN_MS);
  expect(currentKey([OLD, key("late", late + KEY_AHEAD_MIN_MS)], late)?.kid).toBe("old");
});

test("a key is published before it signs, and until its last token has expired", () => {
  const switchMs = T0 + KEY_SIGNS_MS;
  expect(kids(publishedKeys(KEYS, switchMs - 1))).toEqual(["old", "new"]);
  expect(kids(publishedKeys(KEYS, switchMs))).toEqual(["new", "old"]);
  const goneMs = switchMs + ACCESS_TOKEN_LIFE_MS + KEY_SKEW_MS;
  expect(kids(publishedKeys(KEYS, goneMs - 1))).toEqual(["new", "old"]);
  expect(kids(publishedKeys(KEYS, goneMs))).toEqual(["new"]);
  expect(kids(retiredKeys(KEYS, goneMs))).toEqual(["old"]);
});

test("a wall clock that was set back before the first key still has a key", () => {
  expect(currentKey(KEYS, T0 - 1)?.kid).toBe("old");
  expect(kids(publishedKeys(KEYS, T0 - 1))).toEqual(["old", "new"]);
});
