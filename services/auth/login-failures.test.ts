import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { LOGIN_FAILURES_MAX, LOGIN_FAILURES_WINDOW_MS } from "./limits.ts";
import { accountKey, type LoginFailures, oneMoreFailure, refuseWhileExhausted } from "./login-failures.ts";

const T0 = 1_767_225_600_000;
const FULL: LoginFailures = { count: LOGIN_FAILURES_MAX, lastMs: T0 };

test("failures add up to the maximum, then nothing is counted until they are forgotten", async () => {
  let failures: LoginFailures | undefined;
  for (let i = 0; i < LOGIN_FAILURES_MAX; i++) failures = oneMoreFailure(failures, T0);
  expect(failures).toEqual(FULL);
  expect(await expectFailure((async () => oneMoreFailure(failures, T0 + 1_500))())).toMatchObject({
    code: "ResourceExhausted",
    reason: "LOGIN_FAILURES_EXHAUSTED",
    metadata: { retrySeconds: String(LOGIN_FAILURES_WINDOW_MS / 1000 - 1) },
    retryable: true,
  });
  expect(oneMoreFailure(failures, T0 + LOGIN_FAILURES_WINDOW_MS)).toEqual({
    count: 1,
    lastMs: T0 + LOGIN_FAILURES_WINDOW_MS,
  });
});

test("a wall clock that was set back does not make the wait longer", async () => {
  const refused = (async () => refuseWhileExhausted(FULL, T0 - 1_000))();
  expect((await expectFailure(refused)).metadata).toEqual({
    retrySeconds: String(LOGIN_FAILURES_WINDOW_MS / 1000 - 1),
  });
  // Failures from a clock that ran far ahead lock nobody out until that time comes.
  expect(() => refuseWhileExhausted(FULL, T0 - LOGIN_FAILURES_WINDOW_MS)).not.toThrow();
});

test("an address is one account whatever its case", () => {
  expect(accountKey("Ada@Example.com")).toEqual(accountKey("ada@example.COM"));
  expect(accountKey("ada@example.com")).not.toEqual(accountKey("eve@example.com"));
});
