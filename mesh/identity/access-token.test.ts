import { expect, test } from "vitest";
import { parseAccessToken, TOKEN_LEEWAY_MS, verifyAccessToken } from "./access-token.ts";
import { claimsOf, hmacTokenOf, testKey, tokenOf, unsignedTokenOf } from "./fixtures/tokens.ts";
import { isProblem } from "./problem.ts";

const NOW_MS = Date.UTC(2026, 0, 31);
const key = testKey("k1");
const claims = claimsOf(NOW_MS, ["clerk"]);

/** What a verifier with the key says of a token. */
const judge = (token: string, nowMs = NOW_MS) => {
  const parsed = parseAccessToken(token);
  return isProblem(parsed) ? parsed : verifyAccessToken(parsed, key.publicKey, nowMs);
};
const whyNot = (token: string, nowMs = NOW_MS) => {
  const judged = judge(token, nowMs);
  return isProblem(judged) && judged.problem === "invalid" ? judged.why : judged;
};

test("a token that auth has signed says who the user is, with which roles, and for how long", () => {
  expect(judge(tokenOf(key, claims))).toEqual({
    userId: "usr_1",
    roles: ["clerk"],
    expiresMs: claims.exp * 1000 + TOKEN_LEEWAY_MS,
  });
});

test.each([
  ["without a signature, by alg none", unsignedTokenOf(claims), "is not signed by EdDSA"],
  ["with the public key as the secret of an HMAC", hmacTokenOf(key, claims), "is not signed by EdDSA"],
  ["with alg in another case", tokenOf(key, claims, { alg: "eddsa" }), "is not signed by EdDSA"],
  ["signed by another key of the same name", tokenOf(testKey("k1", 2), claims), "was not signed by the key"],
  ["that names no key", tokenOf(key, claims, { kid: undefined }), "names no key"],
  ["whose key's name is long", tokenOf(key, claims, { kid: "k".repeat(65) }), "names no key"],
  ["that asks for an extension", tokenOf(key, claims, { crit: ["b64"], b64: false }), "more than is known"],
  ["of another issuer", tokenOf(key, { ...claims, iss: "elsewhere" }), "not issued by heddle"],
  ["of nobody", tokenOf(key, { ...claims, sub: "" }), "names no user"],
  ["that never expires", tokenOf(key, { ...claims, exp: undefined }), "does not say when it expires"],
  ["whose expiry is a text", tokenOf(key, { ...claims, exp: "9999999999" }), "does not say when it expires"],
  ["that is not good yet", tokenOf(key, { ...claims, nbf: claims.iat + 31 }), "is not good yet"],
  ["whose roles are no list", tokenOf(key, { ...claims, roles: "operator" }), "has roles that cannot be read"],
  ["of 17 roles", tokenOf(key, { ...claims, roles: Array(17).fill("a") }), "has roles that cannot be read"],
  ["that is no JSON", `${Buffer.from("x").toString("base64url")}.e30.${"A".repeat(86)}`, "header that cannot be read"],
  ["of two parts", tokenOf(key, claims).split(".").slice(0, 2).join("."), "a signature that cannot be read"],
  ["of four parts", `${tokenOf(key, claims)}.x`, "no JWT of three parts"],
  ["without anything", "", "no JWT of three parts"],
  ["that is long", `${tokenOf(key, claims)}${"A".repeat(4096)}`, "longer than 4096"],
])("a token %s is refused", (_, token, why) => {
  expect(whyNot(token)).toContain(why);
});

test("a token expires, half a minute late for clocks that differ", () => {
  const token = tokenOf(key, claims);
  expect(judge(token, claims.exp * 1000 + TOKEN_LEEWAY_MS - 1)).toMatchObject({ userId: "usr_1" });
  expect(judge(token, claims.exp * 1000 + TOKEN_LEEWAY_MS)).toEqual({ problem: "expired" });
});

test("a token that was changed in any one character is another token", () => {
  const token = tokenOf(key, claims);
  for (let at = 0; at < token.length; at++) {
    const other = token[at] === "A" ? "B" : "A";
    expect(isProblem(judge(token.slice(0, at) + other + token.slice(at + 1))), `character ${at}`).toBe(true);
  }
  // The last character of a signature has four bits that say nothing; all of its forms but one are refused.
  const forms = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".split("");
  expect(forms.filter((last) => !isProblem(judge(token.slice(0, -1) + last)))).toHaveLength(1);
});
