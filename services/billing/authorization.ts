import { fail, type Reason } from "@heddle/mesh/contract";
import type { Account } from "./account.ts";
import { type AuthorizationState, type AuthorizationVerb, outcomeOf } from "./authorization-state.ts";
import {
  AUTHORIZATION_NOT_CAPTURABLE,
  AUTHORIZATION_NOT_REFUNDABLE,
  AUTHORIZATION_NOT_VOIDABLE,
  CAPTURE_TOO_LARGE,
  REFUND_TOO_LARGE,
} from "./errors.ts";
import type { BookingSubject } from "./ledger.ts";

/** A part of a credit line that is held for one payment. Amounts are minor units, times milliseconds since the Unix epoch. */
export interface Authorization {
  readonly id: string;
  readonly accountId: string;
  readonly customerId: string;
  readonly currencyCode: string;
  readonly reference: string;
  readonly amount: bigint;
  /** 0 until captured. */
  readonly capturedAmount: bigint;
  /** 0 until refunded. */
  readonly refundedAmount: bigint;
  readonly state: AuthorizationState;
  readonly expireTimeMs: number;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** How long an amount is held when the request does not say: 7 days. */
export const DEFAULT_HOLD_MS = 7 * 24 * 60 * 60 * 1000;

/** A hold on an account that begins now. */
export const newAuthorization = (
  { id: accountId, customerId, currencyCode }: Account,
  asked: { id: string; reference: string; amount: bigint; holdMs: number; nowMs: number },
): Authorization => ({
  id: asked.id,
  accountId,
  customerId,
  currencyCode,
  reference: asked.reference,
  amount: asked.amount,
  capturedAmount: 0n,
  refundedAmount: 0n,
  state: "authorized",
  expireTimeMs: asked.nowMs + asked.holdMs,
  createTimeMs: asked.nowMs,
  updateTimeMs: asked.nowMs,
});

/**
 * The authorization as the clock leaves it: expired once its time is over, whether or not that was written down yet. It is
 * changed at its `expireTimeMs`, so that a reader sees the same before and after.
 */
export const asOf = (authorization: Authorization, nowMs: number): Authorization =>
  outcomeOf(authorization.state, "expire") === "moves" && nowMs >= authorization.expireTimeMs
    ? { ...authorization, state: "expired", updateTimeMs: authorization.expireTimeMs }
    : authorization;

/**
 * The authorization with `amount` of it captured, or the same object when just that was captured before. Throws
 * AUTHORIZATION_NOT_CAPTURABLE, CAPTURE_TOO_LARGE.
 */
export const captured = (current: Authorization, amount: bigint, nowMs: number): Authorization => {
  const outcome = allow(current, "capture", AUTHORIZATION_NOT_CAPTURABLE);
  if (amount > current.amount) {
    const violations = [{ field: "amount", description: `must be at most ${current.amount} minor units` }];
    throw fail(CAPTURE_TOO_LARGE, { authorizationId: current.id, amount, authorized: current.amount }, { violations });
  }
  if (outcome === "moves") return { ...current, state: "captured", capturedAmount: amount, updateTimeMs: nowMs };
  if (amount !== current.capturedAmount) throw refused(current, AUTHORIZATION_NOT_CAPTURABLE);
  return current;
};

/** The authorization given up, or the same object when nothing is held any more. Throws AUTHORIZATION_NOT_VOIDABLE. */
export const voided = (current: Authorization, nowMs: number): Authorization =>
  allow(current, "void", AUTHORIZATION_NOT_VOIDABLE) === "moves"
    ? { ...current, state: "voided", updateTimeMs: nowMs }
    : current;

/** What was captured and not given back, in minor units. */
export const leftToRefund = ({ capturedAmount, refundedAmount }: Authorization): bigint =>
  capturedAmount - refundedAmount;

/** The authorization with `amount` more refunded. Throws AUTHORIZATION_NOT_REFUNDABLE, REFUND_TOO_LARGE. */
export const refunded = (current: Authorization, amount: bigint, nowMs: number): Authorization => {
  allow(current, "refund", AUTHORIZATION_NOT_REFUNDABLE);
  const left = leftToRefund(current);
  if (amount > left) {
    const violations = [{ field: "amount", description: `must be at most ${left} minor units` }];
    throw fail(REFUND_TOO_LARGE, { authorizationId: current.id, amount, left }, { violations });
  }
  const state = amount === left ? "refunded" : "captured";
  return { ...current, state, refundedAmount: current.refundedAmount + amount, updateTimeMs: nowMs };
};

/** What a booking says that an authorization was just changed for. */
export const bookingSubject = (changed: Authorization): BookingSubject => ({
  accountId: changed.accountId,
  currencyCode: changed.currencyCode,
  authorizationId: changed.id,
  reference: changed.reference,
  createTimeMs: changed.updateTimeMs,
});

const allow = (current: Authorization, verb: AuthorizationVerb, reason: Reason): "moves" | "repeats" => {
  const outcome = outcomeOf(current.state, verb);
  if (outcome === "refused") throw refused(current, reason);
  return outcome;
};

const refused = ({ id: authorizationId, state }: Authorization, reason: Reason) =>
  fail(reason, { authorizationId, state });
