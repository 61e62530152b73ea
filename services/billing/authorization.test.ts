import { ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { newAccount } from "./account.ts";
import {
  type Authorization,
  asOf,
  captured,
  DEFAULT_HOLD_MS,
  leftToRefund,
  newAuthorization,
  refunded,
  voided,
} from "./authorization.ts";
import type { AuthorizationState } from "./authorization-state.ts";

const ACCOUNT = newAccount({
  id: "acc_1",
  customerId: "cus_1",
  currencyCode: "EUR",
  creditLimit: 1_000n,
  nowMs: 1_000,
});
const HELD = newAuthorization(ACCOUNT, { id: "auz_1", reference: "ord_1", amount: 100n, holdMs: 500, nowMs: 1_000 });
const NOW_MS = 1_200;

/** An authorization of 100 in each state; the captured one with 60 captured and 20 of them refunded. */
const IN: Readonly<Record<AuthorizationState, Authorization>> = {
  authorized: HELD,
  captured: { ...HELD, state: "captured", capturedAmount: 60n, refundedAmount: 20n },
  voided: { ...HELD, state: "voided" },
  refunded: { ...HELD, state: "refunded", capturedAmount: 60n, refundedAmount: 60n },
  expired: { ...HELD, state: "expired", updateTimeMs: 1_500 },
};

const VERBS = {
  "capture 100": (current: Authorization) => captured(current, 100n, NOW_MS),
  "capture 60": (current: Authorization) => captured(current, 60n, NOW_MS),
  "capture 101": (current: Authorization) => captured(current, 101n, NOW_MS),
  void: (current: Authorization) => voided(current, NOW_MS),
  "refund 40": (current: Authorization) => refunded(current, 40n, NOW_MS),
  "refund 10": (current: Authorization) => refunded(current, 10n, NOW_MS),
  "refund 41": (current: Authorization) => refunded(current, 41n, NOW_MS),
} as const;

const NOT_CAPTURABLE = "AUTHORIZATION_NOT_CAPTURABLE";
const NOT_VOIDABLE = "AUTHORIZATION_NOT_VOIDABLE";
const NOT_REFUNDABLE = "AUTHORIZATION_NOT_REFUNDABLE";

/** What comes of it: the new state with what is captured and refunded, "same", or the reason of the failure. */
const TABLE: Readonly<Record<AuthorizationState, Readonly<Record<keyof typeof VERBS, string>>>> = {
  authorized: {
    "capture 100": "captured 100/0",
    "capture 60": "captured 60/0",
    "capture 101": "CAPTURE_TOO_LARGE",
    void: "voided 0/0",
    "refund 40": NOT_REFUNDABLE,
    "refund 10": NOT_REFUNDABLE,
    "refund 41": NOT_REFUNDABLE,
  },
  captured: {
    "capture 100": NOT_CAPTURABLE,
    "capture 60": "same",
    "capture 101": "CAPTURE_TOO_LARGE",
    void: NOT_VOIDABLE,
    "refund 40": "refunded 60/60",
    "refund 10": "captured 60/30",
    "refund 41": "REFUND_TOO_LARGE",
  },
  voided: {
    "capture 100": NOT_CAPTURABLE,
    "capture 60": NOT_CAPTURABLE,
    "capture 101": NOT_CAPTURABLE,
    void: "same",
    "refund 40": NOT_REFUNDABLE,
    "refund 10": NOT_REFUNDABLE,
    "refund 41": NOT_REFUNDABLE,
  },
  refunded: {
    "capture 100": NOT_CAPTURABLE,
    "capture 60": NOT_CAPTURABLE,
    "capture 101": NOT_CAPTURABLE,
    void: NOT_VOIDABLE,
    "refund 40": NOT_REFUNDABLE,
    "refund 10": NOT_REFUNDABLE,
    "refund 41": NOT_REFUNDABLE,
  },
  expired: {
    "capture 100": NOT_CAPTURABLE,
    "capture 60": NOT_CAPTURABLE,
    "capture 101": NOT_CAPTURABLE,
    void: "same",
    "refund 40": NOT_REFUNDABLE,
    "refund 10": NOT_REFUNDABLE,
    "refund 41": NOT_REFUNDABLE,
  },
};

const what = (state: AuthorizationState, verb: keyof typeof VERBS): string => {
  const current = IN[state];
  try {
    const next = VERBS[verb](current);
    return next === current ? "same" : `${next.state} ${next.capturedAmount}/${next.refundedAmount}`;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return reasonOf(error);
  }
};

const reasonOf = (error: ConnectError): string => {
  const reasons = error.details.flatMap((detail) =>
    "value" in detail && "reason" in detail.value ? [String(detail.value.reason)] : [],
  );
  return reasons[0] ?? "no reason";
};

test.each(
  (Object.keys(TABLE) as AuthorizationState[]).flatMap((state) =>
    (Object.keys(VERBS) as (keyof typeof VERBS)[]).map((verb) => [state, verb, TABLE[state][verb]] as const),
  ),
)("%s, then %s: %s", (state, verb, outcome) => {
  expect(what(state, verb)).toBe(outcome);
});

test("a change says when it was made, and leaves alone what it does not change", () => {
  expect(captured(HELD, 60n, NOW_MS)).toEqual({
    ...HELD,
    state: "captured",
    capturedAmount: 60n,
    updateTimeMs: NOW_MS,
  });
  expect(voided(HELD, NOW_MS)).toEqual({ ...HELD, state: "voided", updateTimeMs: NOW_MS });
});

test("a hold is over at its expire time, not a millisecond before", () => {
  expect(HELD.expireTimeMs).toBe(1_500);
  expect(asOf(HELD, 1_499)).toBe(HELD);
  expect(asOf(HELD, 1_500)).toEqual({ ...HELD, state: "expired", updateTimeMs: 1_500 });
});

test("an expired hold tells the same however late it is looked at", () => {
  expect(asOf(HELD, 9_000)).toEqual(asOf(HELD, 1_500));
});

test.each(["captured", "voided", "refunded", "expired"] as const)("time does nothing to what is %s", (state) => {
  expect(asOf(IN[state], 9_000)).toBe(IN[state]);
});

test("what is left to refund is what was captured and not given back", () => {
  expect(leftToRefund(IN.captured)).toBe(40n);
  expect(leftToRefund(HELD)).toBe(0n);
});

test("a hold lasts 7 days unless the request says otherwise", () => {
  expect(DEFAULT_HOLD_MS).toBe(604_800_000);
});
