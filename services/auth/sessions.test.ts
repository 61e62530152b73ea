import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expectFailure } from "@heddle/mesh/testing";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { expect, test } from "vitest";
import { dataFolder } from "./fixtures/data-folder.ts";
import { ADA, EVE, startAuth } from "./fixtures/start-auth.ts";
import {
  ACCESS_TOKEN_LIFE_MS,
  LOGIN_FAILURES_MAX,
  LOGIN_FAILURES_WINDOW_MS,
  REFRESH_TOKEN_LIFE_MS,
  SESSIONS_PER_USER_MAX,
} from "./limits.ts";

const WRONG = "wrong horse battery";
const INVALID = { code: "Unauthenticated", reason: "REFRESH_TOKEN_INVALID", metadata: {} };

type Auth = Awaited<ReturnType<typeof startAuth>>;

/** Checks an access token as another service does, and returns what it says. */
const claimsOf = async ({ client, clock }: Pick<Auth, "client" | "clock">, accessToken: string) => {
  const { keys } = await client.getSigningKeys({});
  const currentDate = new Date(clock.nowMs());
  const jwks = createLocalJWKSet({ keys: keys.map(({ $typeName: _, ...jwk }) => jwk) });
  const { payload } = await jwtVerify(accessToken, jwks, { issuer: "heddle", algorithms: ["EdDSA"], currentDate });
  return payload;
};

test("a sign-in gives an access token that the published keys verify, and says who, as what and until when", async () => {
  const service = await startAuth();
  const { client, clock } = service;
  const { user: registered } = await client.registerUser(ADA);
  await client.setUserRoles({ userId: registered?.id ?? "", roles: ["auditor"] });
  const { session, tokens, user } = await client.login({ ...ADA, email: "ADA@example.com" });
  expect(user).toMatchObject({ id: registered?.id, roles: ["auditor"] });
  expect(session).toMatchObject({ userId: user?.id, createTime: clock.now() });
  expect(session?.id).toMatch(/^ses_[0-9a-hjkmnp-tv-z]{26}$/);
  expect(session?.expireTime).toEqual(tokens?.refreshTokenExpireTime);
  const { kid, alg } = decodeProtectedHeader(tokens?.accessToken ?? "");
  expect({ kid, alg }).toEqual({ kid: (await client.getSigningKeys({})).keys[0]?.kid, alg: "EdDSA" });
  const claims = await claimsOf(service, tokens?.accessToken ?? "");
  const seconds = clock.nowMs() / 1000;
  expect(claims).toEqual({
    iss: "heddle",
    sub: user?.id,
    sid: session?.id,
    roles: ["auditor"],
    jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    iat: seconds,
    exp: seconds + ACCESS_TOKEN_LIFE_MS / 1000,
  });
  expect(tokens?.accessTokenExpireTime && timestampMs(tokens.accessTokenExpireTime)).toBe((claims.exp ?? 0) * 1000);
});

test("an access token expires, and one that was changed is refused", async () => {
  const service = await startAuth();
  const accessToken = (await service.signIn()).tokens?.accessToken ?? "";
  const [head, body = "", signature] = accessToken.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, roles: ["operator"] })).toString("base64url");
  await expect(claimsOf(service, [head, forged, signature].join("."))).rejects.toThrow("signature");
  service.clock.advance(ACCESS_TOKEN_LIFE_MS - 1_000);
  await claimsOf(service, accessToken);
  service.clock.advance(1_000);
  await expect(claimsOf(service, accessToken)).rejects.toThrow("exp");
});

test("a wrong password and an unknown address fail the same way", async () => {
  const { client } = await startAuth();
  await client.registerUser(ADA);
  const wrong = await expectFailure(client.login({ ...ADA, password: WRONG }));
  expect(wrong).toMatchObject({ code: "Unauthenticated", reason: "CREDENTIALS_INVALID", metadata: {}, fields: [] });
  expect(await expectFailure(client.login(EVE))).toEqual(wrong);
});

test("failures lock an account for a while, the same for one that does not exist", async () => {
  const { client, clock } = await startAuth();
  await client.registerUser(ADA);
  const lock = async (email: string) => {
    // At the same time and one too many: none gets past the limit.
    const calls = Array.from({ length: LOGIN_FAILURES_MAX + 1 }, () => client.login({ email, password: WRONG }));
    const reasons = (await Promise.all(calls.map(expectFailure))).map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === "CREDENTIALS_INVALID")).toHaveLength(LOGIN_FAILURES_MAX);
    return expectFailure(client.login({ email, password: ADA.password }));
  };
  const locked = await lock(ADA.email.toUpperCase());
  expect(locked).toMatchObject({ code: "ResourceExhausted", reason: "LOGIN_FAILURES_EXHAUSTED", retryable: true });
  expect(locked.metadata).toEqual({ retrySeconds: String(LOGIN_FAILURES_WINDOW_MS / 1000) });
  expect(await lock(EVE.email)).toEqual(locked);
  clock.advance(LOGIN_FAILURES_WINDOW_MS - 1);
  expect(await expectFailure(client.login(ADA))).toMatchObject({ reason: "LOGIN_FAILURES_EXHAUSTED" });
  clock.advance(1);
  await client.login(ADA);
});

test("a sign-in that succeeds forgets the failures before it, also over a restart", async () => {
  const { path, inspect } = dataFolder();
  const { client, clock, stop } = await startAuth({ dataFolder: path });
  await client.registerUser(ADA);
  await expectFailure(client.login({ ...ADA, password: WRONG }));
  await stop();
  const count = () => inspect((database) => database.prepare("SELECT sum(count) AS count FROM login_failures").get());
  expect(count()).toEqual({ count: 1 });
  const second = await startAuth({ dataFolder: path, clock });
  await second.client.login(ADA);
  await second.stop();
  expect(count()).toEqual({ count: null });
});

test("a hash of another cost is replaced at the next sign-in", async () => {
  const { path, inspect } = dataFolder();
  const first = await startAuth({ dataFolder: path });
  await first.client.registerUser(ADA);
  await first.stop();
  // argon2id of the password at a lower cost.
  const cheap = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$zXWWUNxFCSQ7dVrBawnnax5e3t0/8LduYi2KAH2VCy8";
  inspect((database) => database.prepare("UPDATE passwords SET phc = ?").run(cheap));
  const second = await startAuth({ dataFolder: path });
  await second.client.login(ADA);
  await second.stop();
  const phc = () => inspect((database) => database.prepare("SELECT phc FROM passwords").get())?.phc;
  expect(phc()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  const third = await startAuth({ dataFolder: path });
  await third.client.login(ADA);
});

test("a refresh gives new tokens and moves the expiry, also after a restart", async () => {
  const { path } = dataFolder();
  const first = await startAuth({ dataFolder: path });
  const { session, tokens } = await first.signIn();
  await first.stop();
  const second = await startAuth({ dataFolder: path, clock: first.clock });
  second.clock.advance(REFRESH_TOKEN_LIFE_MS - 1);
  const refreshed = await second.client.refreshSession({ refreshToken: tokens?.refreshToken ?? "" });
  expect(refreshed.session).toMatchObject({
    id: session?.id,
    userId: session?.userId,
    createTime: session?.createTime,
  });
  expect(refreshed.session?.expireTime && timestampMs(refreshed.session.expireTime)).toBe(
    second.clock.nowMs() + REFRESH_TOKEN_LIFE_MS,
  );
  expect(refreshed.tokens?.refreshToken).not.toBe(tokens?.refreshToken);
  const claims = await claimsOf(second, refreshed.tokens?.accessToken ?? "");
  expect(claims).toMatchObject({ sid: session?.id, sub: session?.userId, roles: [] });
});

test("a refresh carries the roles of now", async () => {
  const service = await startAuth();
  const { tokens, user } = await service.signIn();
  await service.client.setUserRoles({ userId: user?.id ?? "", roles: ["auditor"] });
  const refreshed = await service.client.refreshSession({ refreshToken: tokens?.refreshToken ?? "" });
  expect((await claimsOf(service, refreshed.tokens?.accessToken ?? "")).roles).toEqual(["auditor"]);
});

test("a refresh token that is used twice closes its session, and no other", async () => {
  const { client, signIn } = await startAuth();
  const refreshToken = (await signIn()).tokens?.refreshToken ?? "";
  const other = (await client.login(ADA)).tokens?.refreshToken ?? "";
  // Two steps back: every token of the session that was ever used is told, not the last one alone.
  let latest = refreshToken;
  for (let i = 0; i < 2; i++)
    latest = (await client.refreshSession({ refreshToken: latest })).tokens?.refreshToken ?? "";
  expect(await expectFailure(client.refreshSession({ refreshToken }))).toMatchObject({
    code: "Unauthenticated",
    reason: "REFRESH_TOKEN_REUSED",
    metadata: {},
  });
  expect(await expectFailure(client.refreshSession({ refreshToken: latest }))).toMatchObject(INVALID);
  await client.refreshSession({ refreshToken: other });
});

test("of concurrent refreshes with one token one succeeds, and the session is closed", async () => {
  const { client, signIn } = await startAuth();
  const refreshToken = (await signIn()).tokens?.refreshToken ?? "";
  const calls = Array.from({ length: 10 }, () => client.refreshSession({ refreshToken }));
  const outcomes = await Promise.allSettled(calls);
  const won = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  expect(won).toHaveLength(1);
  const next = won[0]?.tokens?.refreshToken ?? "";
  expect(await expectFailure(client.refreshSession({ refreshToken: next }))).toMatchObject(INVALID);
});

test("a refresh token that is unknown, malformed or expired is refused", async () => {
  const { client, clock, signIn } = await startAuth();
  const refreshToken = (await signIn()).tokens?.refreshToken ?? "";
  for (const unknown of ["x", "A".repeat(86), "é".repeat(512)]) {
    expect(await expectFailure(client.refreshSession({ refreshToken: unknown }))).toMatchObject(INVALID);
  }
  clock.advance(REFRESH_TOKEN_LIFE_MS);
  expect(await expectFailure(client.refreshSession({ refreshToken }))).toMatchObject(INVALID);
});

test("logout closes the session of any of its tokens, twice is harmless, and unknown tokens change nothing", async () => {
  const { client, signIn } = await startAuth();
  const refreshToken = (await signIn()).tokens?.refreshToken ?? "";
  for (const unknown of ["x", "A".repeat(86)]) await client.logout({ refreshToken: unknown });
  const next = (await client.refreshSession({ refreshToken })).tokens?.refreshToken ?? "";
  for (let i = 0; i < 2; i++) await client.logout({ refreshToken: next });
  expect(await expectFailure(client.refreshSession({ refreshToken: next }))).toMatchObject(INVALID);
});

test("one session too many closes the one that was not refreshed for the longest time", async () => {
  const { client, clock, signIn } = await startAuth();
  const first = (await signIn()).tokens?.refreshToken ?? "";
  clock.advance(1);
  const second = (await client.login(ADA)).tokens?.refreshToken ?? "";
  clock.advance(1);
  const refreshed = (await client.refreshSession({ refreshToken: first })).tokens?.refreshToken ?? "";
  clock.advance(1);
  await Promise.all(Array.from({ length: SESSIONS_PER_USER_MAX - 1 }, () => client.login(ADA)));
  expect(await expectFailure(client.refreshSession({ refreshToken: second }))).toMatchObject(INVALID);
  await client.refreshSession({ refreshToken: refreshed });
});
