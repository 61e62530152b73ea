import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../observe/index.ts";
import { fakeTime } from "../testing/index.ts";
import { HeaderList } from "../wire/index.ts";
import type { AccessMode } from "./access-mode.ts";
import { TOKEN_LEEWAY_MS } from "./access-token.ts";
import { createAuthenticator } from "./authenticator.ts";
import { ANONYMOUS, LOCAL } from "./caller.ts";
import { bearer, claimsOf, headersOf, testKey, tokenOf } from "./fixtures/tokens.ts";
import { KEYS_REFRESH_MS, KeySet, type PublishedKey } from "./key-set.ts";
import { IDENTITY_HEADER, signWorkloadToken } from "./workload-token.ts";

const NOW_MS = Date.UTC(2026, 0, 31);
const IDENTITY_KEY = Buffer.from("k".repeat(43));
const PEER = "127.0.0.1:40123";
const key = testKey("one");

const start = async (mode: AccessMode = "enforced", identityKey: Uint8Array | undefined = IDENTITY_KEY) => {
  const time = fakeTime(NOW_MS);
  const auth = { keys: [key] as readonly PublishedKey[] };
  const log = createLog({
    service: "test",
    level: "silent",
    clock: time.clock,
    destination: { write: () => undefined },
  });
  const keys = new KeySet({ ...time, log, fetch: async () => auth.keys });
  onTestFinished(() => keys.stop());
  await keys.ask();
  const authenticator = createAuthenticator({ mode, keys, identityKey, clock: time.clock });
  const who = (headers: Record<string, string> = {}, peer = PEER) =>
    authenticator.authenticate(headersOf(headers), peer);
  const workload = (service = "order", lifeMs = 300_000) => ({
    [IDENTITY_HEADER]: signWorkloadToken({ service, instanceId: "ins_1" }, IDENTITY_KEY, time.clock.nowMs() + lifeMs),
  });
  return { time, auth, keys, who, workload };
};

const token = tokenOf(key, claimsOf(NOW_MS, ["clerk"]));

test("a caller without credentials is nobody, and on this machine, in local mode, the local one", async () => {
  const { who } = await start("enforced");
  expect(who()).toEqual({ caller: ANONYMOUS, problem: undefined, notLocal: undefined });
  const local = await start("local");
  expect(local.who().caller).toBe(LOCAL);
  expect(local.who({}, "10.0.0.1:1")).toMatchObject({ caller: ANONYMOUS, notLocal: "it comes from another machine" });
  expect(local.who({ origin: "http://evil.example" }).caller).toBe(ANONYMOUS);
});

test.each(["local", "enforced"] as const)("credentials are judged in %s mode", async (mode) => {
  const { who, workload } = await start(mode);
  expect(who(bearer(token)).caller).toMatchObject({ kind: "user", id: "usr_1", roles: ["clerk"], service: undefined });
  expect(who(workload()).caller).toMatchObject({ kind: "service", id: "order", roles: [], service: "order" });
  expect(who({ ...bearer(token), ...workload() }).caller).toMatchObject({ id: "usr_1", service: "order" });
  // In neither is a caller with bad credentials taken for one without.
  for (const authorization of ["", "Basic b3A6b3A=", "Bearer", "Bearer a b", `Bearer ${token}x`, `Bearer, ${token}`])
    expect(who({ authorization }), authorization).toMatchObject({ caller: ANONYMOUS, problem: { problem: "invalid" } });
  expect(who({ [IDENTITY_HEADER]: "order" })).toMatchObject({ caller: ANONYMOUS, problem: { problem: "invalid" } });
});

test("the scheme may be written in any case", async () => {
  const { who } = await start();
  expect(who({ authorization: `bearer ${token}` }).caller.id).toBe("usr_1");
});

test("of two credentials the good one counts, and the bad one is told", async () => {
  const { who, workload } = await start();
  expect(who({ authorization: "Bearer x", ...workload() })).toMatchObject({
    caller: { kind: "service", id: "order" },
    problem: { problem: "invalid" },
  });
  expect(who({ ...bearer(token), [IDENTITY_HEADER]: "x" })).toMatchObject({
    caller: { kind: "user", service: undefined },
    problem: { problem: "invalid" },
  });
});

test("a header that stands there twice proves nothing", async () => {
  const { keys, time } = await start();
  const { authenticate } = createAuthenticator({ mode: "enforced", keys, identityKey: undefined, clock: time.clock });
  const once = headersOf(bearer(token));
  const twice = new HeaderList([...once.fields, "authorization", `Bearer ${token}`]);
  expect(authenticate(once, PEER).caller.kind).toBe("user");
  expect(authenticate(twice, PEER)).toMatchObject({ caller: ANONYMOUS, problem: { problem: "invalid" } });
});

test("a proof is good until it expires, also when it was looked at before", async () => {
  const { who, workload, time } = await start();
  const headers = workload("order", 60_000);
  expect([who(bearer(token)).caller.kind, who(headers).caller.kind]).toEqual(["user", "service"]);
  const both = { ...bearer(token), ...headers };
  expect(who(both).caller.expiresMs).toBe(NOW_MS + 60_000 + 30_000);
  await time.advance(90_000);
  expect(who(headers)).toMatchObject({ caller: ANONYMOUS, problem: { problem: "invalid" } });
  expect(who(both)).toMatchObject({ caller: { kind: "user", service: undefined } });
  await time.advance(600_000 - 90_000 + TOKEN_LEEWAY_MS);
  expect(who(bearer(token))).toMatchObject({ caller: ANONYMOUS, problem: { problem: "expired" } });
});

test("what a key has signed is worth nothing once it is no longer published, and what the next one signs is good", async () => {
  const { who, auth, time } = await start();
  const next = testKey("two", 2);
  const later = tokenOf(next, claimsOf(NOW_MS));
  expect(who(bearer(token)).caller.kind).toBe("user");
  auth.keys = [next];
  await time.advance(KEYS_REFRESH_MS);
  expect(who(bearer(token))).toMatchObject({ caller: ANONYMOUS, problem: { problem: "invalid" } });
  expect(who(bearer(later)).caller.kind).toBe("user");
});

test("where the keys are not there yet, a token is neither good nor bad", async () => {
  const time = fakeTime(NOW_MS);
  const log = createLog({
    service: "test",
    level: "silent",
    clock: time.clock,
    destination: { write: () => undefined },
  });
  const keys = new KeySet({ ...time, log, fetch: () => Promise.reject(new Error("away")) });
  onTestFinished(() => keys.stop());
  const { authenticate } = createAuthenticator({ mode: "local", keys, identityKey: undefined, clock: time.clock });
  expect(authenticate(headersOf(bearer(token)), PEER)).toMatchObject({
    caller: ANONYMOUS,
    problem: { problem: "unknown" },
  });
});

test("a process without an identity key believes no service", async () => {
  const { workload, keys, time } = await start();
  const { authenticate } = createAuthenticator({ mode: "local", keys, identityKey: undefined, clock: time.clock });
  expect(authenticate(headersOf(workload()), PEER)).toMatchObject({
    caller: ANONYMOUS,
    problem: { why: expect.stringContaining("HEDDLE_IDENTITY_KEY_FILE") },
  });
});
