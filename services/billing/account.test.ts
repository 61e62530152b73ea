import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import {
  type Account,
  availableCredit,
  newAccount,
  withCredit,
  withCreditLimit,
  withHold,
  withHoldEnded,
} from "./account.ts";
import { MINOR_UNITS_MAX } from "./money.ts";

const NEW = newAccount({ id: "acc_1", customerId: "cus_1", currencyCode: "EUR", creditLimit: 100n, nowMs: 1 });

/** How a change of an account fails. */
const failureOf = (change: () => Account) => expectFailure(Promise.try(change));

test("a new account owes nothing, and all of its limit is available", () => {
  expect(NEW).toMatchObject({ balance: 0n, authorizedAmount: 0n, createTimeMs: 1, updateTimeMs: 1 });
  expect(availableCredit(NEW)).toBe(100n);
});

test("all that is available can be held, and not one minor unit more", async () => {
  const full = withHold(withHold(NEW, 40n, 2), 60n, 3);
  expect(full).toEqual({ ...NEW, authorizedAmount: 100n, updateTimeMs: 3 });
  expect(availableCredit(full)).toBe(0n);
  expect(await failureOf(() => withHold(full, 1n, 4))).toMatchObject({
    code: "FailedPrecondition",
    reason: "CREDIT_LIMIT_EXCEEDED",
    metadata: { accountId: "acc_1", amount: "1", available: "0" },
  });
});

test("what is owed counts against the limit as what is held does", async () => {
  const owing = withHoldEnded(withHold(NEW, 90n, 2), { held: 90n, charged: 70n }, 3);
  expect(owing).toEqual({ ...NEW, balance: 70n, updateTimeMs: 3 });
  expect(availableCredit(owing)).toBe(30n);
  expect(await failureOf(() => withHold(owing, 31n, 4))).toMatchObject({ reason: "CREDIT_LIMIT_EXCEEDED" });
});

test("a hold that ends without a charge leaves nothing behind", () => {
  expect(withHoldEnded(withHold(NEW, 90n, 2), { held: 90n, charged: 0n }, 3)).toEqual({ ...NEW, updateTimeMs: 3 });
});

test("paying more than is owed makes the balance negative, and more available than the limit", () => {
  const paid = withCredit(NEW, 30n, 2);
  expect(paid).toEqual({ ...NEW, balance: -30n, updateTimeMs: 2 });
  expect(availableCredit(paid)).toBe(130n);
});

test("a limit below what is in use is taken, and nothing more can be held until enough is paid", async () => {
  const lowered = withCreditLimit(withHold(NEW, 80n, 2), 50n, 3);
  expect(availableCredit(lowered)).toBe(-30n);
  expect(await failureOf(() => withHold(lowered, 1n, 4))).toMatchObject({ reason: "CREDIT_LIMIT_EXCEEDED" });
  expect(withHold(withCredit(lowered, 31n, 5), 1n, 6).authorizedAmount).toBe(81n);
});

test("what is available never grows past what Money carries", async () => {
  const atMost = withCredit(NEW, MINOR_UNITS_MAX - 100n, 2);
  expect(availableCredit(atMost)).toBe(MINOR_UNITS_MAX);
  const tooMuch = { code: "FailedPrecondition", reason: "BALANCE_OUT_OF_RANGE", metadata: { accountId: "acc_1" } };
  expect(await failureOf(() => withCredit(atMost, 1n, 3))).toMatchObject(tooMuch);
  expect(await failureOf(() => withCreditLimit(atMost, 101n, 3))).toMatchObject(tooMuch);
});
