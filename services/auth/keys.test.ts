import { AuthService } from "@heddle/contracts/auth/v1";
import { systemRuntime, type Timers } from "@heddle/mesh/runtime";
import { fakeClock, startTestService } from "@heddle/mesh/testing";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { dataFolder } from "./fixtures/data-folder.ts";
import { ADA, startAuth } from "./fixtures/start-auth.ts";
import {
  ACCESS_TOKEN_LIFE_MS,
  HOUSEKEEPING_PERIOD_MS,
  KEY_AHEAD_MIN_MS,
  KEY_AHEAD_MS,
  KEY_SIGNS_MS,
  KEY_SKEW_MS,
  REFRESH_TOKEN_LIFE_MS,
} from "./limits.ts";
import { auth } from "./service.ts";

const kidOf = (token: string | undefined) => decodeProtectedHeader(token ?? "").kid;

test("keys are rotated by the clock: published ahead, then signing, then kept until their tokens have expired", async () => {
  const { client, clock, signIn } = await startAuth();
  const published = async () => (await client.getSigningKeys({})).keys.map(({ kid }) => kid);
  let refreshToken = "";
  const signedBy = async () => {
    const { tokens } = await (refreshToken === "" ? signIn() : client.refreshSession({ refreshToken }));
    refreshToken = tokens?.refreshToken ?? "";
    return { kid: kidOf(tokens?.accessToken), token: tokens?.accessToken ?? "" };
  };
  const [old] = await published();
  expect((await signedBy()).kid).toBe(old);
  clock.advance(KEY_SIGNS_MS - KEY_AHEAD_MS);
  expect((await signedBy()).kid).toBe(old);
  const next = (await published())[1];
  expect(await published()).toEqual([old, next]);
  expect(next).toMatch(/^[\w-]{43}$/);
  clock.advance(KEY_AHEAD_MS - 1);
  const last = await signedBy();
  expect(last.kid).toBe(old);
  clock.advance(1);
  expect((await signedBy()).kid).toBe(next);
  expect(await published()).toEqual([next, old]);
  clock.advance(ACCESS_TOKEN_LIFE_MS - 2_000);
  const { keys } = await client.getSigningKeys({});
  const jwks = createLocalJWKSet({ keys: keys.map(({ $typeName: _, ...jwk }) => jwk) });
  await jwtVerify(last.token, jwks, { currentDate: new Date(clock.nowMs()) });
  clock.advance(KEY_SKEW_MS + 2_000);
  expect(await published()).toEqual([next]);
});

test("after a standstill the old key signs on until the new one has been published for a while", async () => {
  const { path } = dataFolder();
  const first = await startAuth({ dataFolder: path });
  const { tokens } = await first.signIn();
  await first.stop();
  first.clock.advance(3 * KEY_SIGNS_MS);
  const { client, clock } = await startAuth({ dataFolder: path, clock: first.clock });
  const { keys } = await client.getSigningKeys({});
  expect(keys.map(({ kid }) => kid)).toEqual([kidOf(tokens?.accessToken), expect.any(String)]);
  clock.advance(KEY_AHEAD_MIN_MS);
  expect(kidOf((await client.login(ADA)).tokens?.accessToken)).toBe(keys[1]?.kid);
});

test("a restart keeps the keys, and many calls at the moment of a rotation make one key", async () => {
  const { path } = dataFolder();
  const first = await startAuth({ dataFolder: path });
  const { keys } = await first.client.getSigningKeys({});
  await first.stop();
  const { client, clock, signIn } = await startAuth({ dataFolder: path, clock: first.clock });
  expect((await client.getSigningKeys({})).keys).toEqual(keys);
  const sessions = [await signIn(), await client.login(ADA), await client.login(ADA)];
  clock.advance(KEY_SIGNS_MS - KEY_AHEAD_MS);
  const refreshTokens = sessions.map(({ tokens }) => tokens?.refreshToken ?? "");
  await Promise.all(refreshTokens.map((refreshToken) => client.refreshSession({ refreshToken })));
  expect((await client.getSigningKeys({})).keys).toHaveLength(2);
});

test("the timer rotates keys that no call asks for, and sweeps sessions and failures that are over", async () => {
  const { path, inspect } = dataFolder();
  const fires: (() => void)[] = [];
  const runtime = systemRuntime();
  const clock = fakeClock();
  const timers: Timers = {
    ...runtime.timers,
    every(periodMs, fire) {
      if (periodMs === HOUSEKEEPING_PERIOD_MS) fires.push(fire);
      return { cancel: () => undefined };
    },
  };
  const service = await startTestService(auth, { dataFolder: path, runtime: { ...runtime, clock, timers } });
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= service.stop());
  onTestFinished(stop);
  const client = service.client(AuthService);
  await client.registerUser(ADA);
  await client.login(ADA);
  await client.login({ email: "nobody@example.com", password: "x" }).catch(() => undefined);
  clock.advance(REFRESH_TOKEN_LIFE_MS);
  for (const fire of fires) fire();
  await expect.poll(async () => (await client.getSigningKeys({})).keys.length, { interval: 5 }).toBe(2);
  // Ends what runs first.
  await stop();
  const rows = inspect((database) =>
    database
      .prepare("SELECT (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM login_failures) AS failures")
      .get(),
  );
  expect(rows).toEqual({ sessions: 0, failures: 0 });
});
