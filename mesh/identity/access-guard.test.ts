import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { AuthService } from "@heddle/contracts/auth/v1";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { expect, test } from "vitest";
import { expectFailure } from "../testing/expect-failure.ts";
import { fakeTime } from "../testing/index.ts";
import { createAccessGuard } from "./access-guard.ts";
import type { Authenticator, Identified } from "./authenticator.ts";
import { ANONYMOUS, type Caller } from "./caller.ts";
import { headersOf } from "./fixtures/tokens.ts";
import { permissionOf } from "./permission.ts";

/** A guard whose authenticator says what the test wants. */
const start = (said: Partial<Identified> = {}) => {
  const time = fakeTime();
  const now = { said: { caller: ANONYMOUS, problem: undefined, notLocal: undefined, ...said } as Identified };
  let asked = 0;
  let version = 1;
  const authenticator: Authenticator = {
    authenticate: () => {
      asked++;
      return now.said;
    },
    version: () => version,
  };
  const guard = createAccessGuard(authenticator, time.clock);
  const enter = (method: DescMethod = AuthService.method.listUsers) =>
    guard.enter(permissionOf(method), headersOf(), "127.0.0.1:1");
  return { time, now, enter, asked: () => asked, newVersion: () => version++ };
};

const operator: Caller = { ...ANONYMOUS, kind: "user", id: "usr_1", roles: ["operator"], expiresMs: 100_000 };
const failure = (error: ConnectError | undefined) =>
  expectFailure(error === undefined ? Promise.resolve() : Promise.reject(error));

test("whom the contract lets in is asked for once, until the proof expires or the keys change", async () => {
  const { time, now, enter, asked, newVersion } = start({
    caller: { ...operator, expiresMs: fakeTime().clock.nowMs() + 1_000 },
  });
  const entry = enter();
  for (let i = 0; i < 3; i++) expect(entry.check()).toBeUndefined();
  expect([asked(), entry.caller.id]).toEqual([1, "usr_1"]);
  newVersion();
  expect(entry.check()).toBeUndefined();
  expect(asked()).toBe(2);
  now.said = { caller: ANONYMOUS, problem: { problem: "expired" }, notLocal: undefined };
  expect(entry.check()).toBeUndefined();
  await time.advance(1_000);
  expect(await failure(entry.check())).toMatchObject({ code: "Unauthenticated", reason: "TOKEN_EXPIRED" });
  expect(entry.caller).toBe(ANONYMOUS);
});

test("who is refused is looked at anew with each call", () => {
  const { now, enter } = start();
  const entry = enter();
  expect(entry.check()).toBeDefined();
  now.said = { ...now.said, caller: { ...operator, expiresMs: Number.POSITIVE_INFINITY } };
  expect(entry.check()).toBeUndefined();
});

test("a refusal names the method, and whom it would let in", async () => {
  expect(await failure(start().enter(CustomerService.method.listCustomers).check())).toMatchObject({
    code: "Unauthenticated",
    reason: "CREDENTIALS_MISSING",
    domain: "customer.v1",
    metadata: {
      method: "customer.v1.CustomerService/ListCustomers",
      allowed: "the role clerk or auditor, or the service overview",
      why: "it carries no credentials",
    },
  });
});

test("a caller who is not local learns why", async () => {
  const { enter } = start({ notLocal: "a page of another origin makes it" });
  expect(await failure(enter().check())).toMatchObject({
    reason: "CREDENTIALS_MISSING",
    message: expect.stringContaining("a page of another origin makes it"),
  });
});

test.each<[Partial<Caller>, string]>([
  [{ roles: ["clerk", "auditors"] }, "a user with the role clerk and auditors"],
  [{ roles: [] }, "a user without a role"],
  [{ roles: [], service: "order" }, "the service order for a user without a role"],
  [{ kind: "service", id: "order", roles: [], service: "order" }, "the service order"],
])(
  "a caller whom the contract does not let in is told as what it came, and not who it is: %o",
  async (caller, words) => {
    const { enter } = start({ caller: { ...operator, ...caller } });
    const refused = await failure(enter().check());
    expect(refused).toMatchObject({ code: "PermissionDenied", reason: "ACCESS_DENIED", metadata: { caller: words } });
    expect(JSON.stringify(refused)).not.toContain("usr_1");
  },
);

test("what is wrong with a credential goes before whom it is for", async () => {
  const invalid = start({ problem: { problem: "invalid", why: "the access token names no key" } });
  expect(await failure(invalid.enter().check())).toMatchObject({ code: "Unauthenticated", reason: "TOKEN_INVALID" });
  const unknown = start({ problem: { problem: "unknown" } });
  expect(await failure(unknown.enter().check())).toMatchObject({ code: "Unavailable", reason: "KEYS_UNKNOWN" });
});

test("a public method asks nobody for anything, and takes nothing amiss", () => {
  const { enter } = start({ problem: { problem: "invalid", why: "the access token names no key" } });
  expect(enter(AuthService.method.login).check()).toBeUndefined();
});

test("what one credential proves is not undone by another", () => {
  const { enter } = start({ caller: operator, problem: { problem: "invalid", why: "the header cannot be read" } });
  expect(enter().check()).toBeUndefined();
});
