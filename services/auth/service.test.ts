import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { dataFolder } from "./fixtures/data-folder.ts";
import { ADA, EVE, PASSWORD, REQUEST_ID, startAuth } from "./fixtures/start-auth.ts";

const NOBODY = `usr_${"0".repeat(26)}`;

test("a user that was registered can be read, has no role, and shows no password", async () => {
  const { client, clock } = await startAuth();
  const { user } = await client.registerUser(ADA);
  expect(user).toMatchObject({ email: ADA.email, roles: [], createTime: clock.now(), updateTime: clock.now() });
  expect(user?.id).toMatch(/^usr_[0-9a-hjkmnp-tv-z]{26}$/);
  expect((await client.getUser({ userId: user?.id ?? "" })).user).toEqual(user);
});

test("an e-mail address belongs to one user, whatever its case", async () => {
  const { client } = await startAuth();
  await client.registerUser(ADA);
  expect(await expectFailure(client.registerUser({ ...ADA, email: "ADA@EXAMPLE.COM" }))).toMatchObject({
    code: "AlreadyExists",
    reason: "USER_EMAIL_TAKEN",
    domain: "auth.v1",
    metadata: {},
  });
});

test("a request that breaks rules names every field, and shows no value", async () => {
  const { client } = await startAuth();
  const failure = await expectFailure(client.registerUser({ email: "not-an-address", password: "too short" }));
  expect(failure).toMatchObject({ code: "InvalidArgument", reason: "VALIDATION_FAILED" });
  expect(failure.fields.toSorted()).toEqual(["email", "password"]);
  expect(JSON.stringify(failure)).not.toMatch(/not-an-address|too short/);
});

test("four concurrent calls with one request id register one user, and later ones get the first reply", async () => {
  const { client } = await startAuth();
  const call = () => client.registerUser({ ...ADA, requestId: REQUEST_ID });
  const replies = await Promise.all(Array.from({ length: 4 }, call));
  expect(new Set(replies.map(({ user }) => user?.id)).size).toBe(1);
  expect(await call()).toEqual(replies[0]);
  expect((await client.listUsers({})).users).toHaveLength(1);
});

test("a reused request id with another address is refused; the password is not compared", async () => {
  const { client } = await startAuth();
  const first = await client.registerUser({ ...ADA, requestId: REQUEST_ID });
  expect(await client.registerUser({ ...ADA, password: EVE.password, requestId: REQUEST_ID })).toEqual(first);
  expect(await expectFailure(client.registerUser({ ...EVE, requestId: REQUEST_ID }))).toMatchObject({
    code: "InvalidArgument",
    reason: "REQUEST_ID_REUSED",
    fields: ["request_id"],
  });
  expect((await client.login(ADA)).user).toEqual(first.user);
});

test("a user that does not exist is NOT_FOUND everywhere", async () => {
  const { client } = await startAuth();
  for (const call of [client.getUser({ userId: NOBODY }), client.setUserRoles({ userId: NOBODY, roles: [] })]) {
    expect(await expectFailure(call)).toMatchObject({
      code: "NotFound",
      reason: "USER_NOT_FOUND",
      metadata: { userId: NOBODY },
    });
  }
});

test("pages hold every user once, in the order of registration, also one that is registered meanwhile", async () => {
  const { client } = await startAuth();
  const register = (i: number) => client.registerUser({ email: `ada${i}@example.com`, password: PASSWORD });
  for (let i = 0; i < 4; i++) await register(i);
  const seen: string[] = [];
  for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
    const reply = await client.listUsers({ pageSize: 2, pageToken });
    expect(reply.users.length).toBeLessThanOrEqual(2);
    seen.push(...reply.users.map(({ email }) => email));
    pageToken = reply.nextPageToken;
    if (pages === 0) await register(4);
  }
  expect(seen).toEqual(Array.from({ length: 5 }, (_, i) => `ada${i}@example.com`));
});

test("a list finds an address in any case, and refuses a page token of another list", async () => {
  const { client } = await startAuth();
  const { user: ada } = await client.registerUser(ADA);
  await client.registerUser(EVE);
  expect((await client.listUsers({ email: "ada@EXAMPLE.com" })).users).toEqual([ada]);
  expect((await client.listUsers({ email: "nobody@example.com" })).users).toEqual([]);
  const { nextPageToken: pageToken } = await client.listUsers({ pageSize: 1 });
  expect(await expectFailure(client.listUsers({ pageToken, email: EVE.email }))).toMatchObject({
    code: "InvalidArgument",
    reason: "PAGE_TOKEN_INVALID",
    fields: ["page_token"],
  });
});

test("roles are replaced, sorted, and in the next access token; the same again changes nothing", async () => {
  const { client, clock } = await startAuth();
  const { user: before } = await client.registerUser(ADA);
  const userId = before?.id ?? "";
  clock.advance(1_000);
  const { user: after } = await client.setUserRoles({ userId, roles: ["teller", "auditor"], etag: before?.etag ?? "" });
  expect(after).toMatchObject({ roles: ["auditor", "teller"], updateTime: clock.now() });
  expect(after?.etag).not.toBe(before?.etag);
  clock.advance(1_000);
  const again = client.setUserRoles({ userId, roles: ["auditor", "teller"], etag: before?.etag ?? "" });
  expect((await again).user).toEqual(after);
  expect((await client.getUser({ userId })).user).toEqual(after);
  expect((await client.setUserRoles({ userId, roles: [] })).user?.roles).toEqual([]);
});

test("a stale etag is ABORTED and changes no role", async () => {
  const { client } = await startAuth();
  const { user } = await client.registerUser(ADA);
  const userId = user?.id ?? "";
  await client.setUserRoles({ userId, roles: ["auditor"] });
  const stale = client.setUserRoles({ userId, roles: ["operator"], etag: user?.etag ?? "" });
  expect(await expectFailure(stale)).toMatchObject({ code: "Aborted", reason: "ETAG_MISMATCH" });
  expect((await client.getUser({ userId })).user?.roles).toEqual(["auditor"]);
});

test("of concurrent changes with one etag one succeeds", async () => {
  const { client } = await startAuth();
  const { user } = await client.registerUser(ADA);
  const change = (i: number) =>
    client.setUserRoles({ userId: user?.id ?? "", roles: [`role-${i}`], etag: user?.etag ?? "" });
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => change(i)));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("whom the environment names becomes operator on registration, while nobody is", async () => {
  const env = { HEDDLE_AUTH_OPERATOR_EMAIL: "ADA@example.com" };
  const { path } = dataFolder();
  const first = await startAuth({ env, dataFolder: path });
  expect((await first.client.registerUser(EVE)).user?.roles).toEqual([]);
  expect((await first.client.registerUser(ADA)).user?.roles).toEqual(["operator"]);
  await first.stop();
  const second = await startAuth({ env: { HEDDLE_AUTH_OPERATOR_EMAIL: "mallory@example.com" }, dataFolder: path });
  const mallory = { email: "mallory@example.com", password: PASSWORD };
  expect((await second.client.registerUser(mallory)).user?.roles).toEqual([]);
});

test("an operator's address that is none stops the start", async () => {
  await expect(startAuth({ env: { HEDDLE_AUTH_OPERATOR_EMAIL: "ada" } })).rejects.toThrow("HEDDLE_AUTH_OPERATOR_EMAIL");
});

test("each registration and each change of roles publishes one event", async () => {
  const { path, inspect } = dataFolder();
  const { client, stop } = await startAuth({ dataFolder: path });
  for (let i = 0; i < 2; i++) await client.registerUser({ ...ADA, requestId: REQUEST_ID });
  await expectFailure(client.registerUser(ADA));
  const userId = (await client.listUsers({})).users[0]?.id ?? "";
  for (let i = 0; i < 2; i++) await client.setUserRoles({ userId, roles: ["auditor"] });
  await stop();
  const events = inspect((database) => database.prepare("SELECT type, key FROM heddle_events ORDER BY sequence").all());
  expect(events.map(({ type, key }) => `${type} ${key}`)).toEqual([
    `auth.v1.UserRegistered ${userId}`,
    `auth.v1.UserRolesChanged ${userId}`,
  ]);
});
