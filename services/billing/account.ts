import { fail } from "@heddle/mesh/contract";
import { BALANCE_OUT_OF_RANGE, CREDIT_LIMIT_EXCEEDED } from "./errors.ts";
import { MINOR_UNITS_MAX } from "./money.ts";

/** A customer as payer. Amounts are minor units of its one currency, times are milliseconds since the Unix epoch. */
export interface Account {
  readonly id: string;
  readonly customerId: string;
  readonly currencyCode: string;
  readonly creditLimit: bigint;
  /** What is owed: captured, less refunded, less paid. */
  readonly balance: bigint;
  /** What is held by authorizations whose time is not over. */
  readonly authorizedAmount: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** The most that can be authorized now, in minor units. Negative when the limit was set below what is in use. */
export const availableCredit = ({ creditLimit, balance, authorizedAmount }: Account): bigint =>
  creditLimit - balance - authorizedAmount;

/** A new account, on which nothing was booked. */
export const newAccount = ({
  nowMs,
  ...opened
}: Pick<Account, "id" | "customerId" | "currencyCode" | "creditLimit"> & { nowMs: number }): Account => ({
  ...opened,
  balance: 0n,
  authorizedAmount: 0n,
  createTimeMs: nowMs,
  updateTimeMs: nowMs,
});

/** The account with another limit, which may be below what is in use. Throws BALANCE_OUT_OF_RANGE. */
export const withCreditLimit = (account: Account, creditLimit: bigint, nowMs: number): Account =>
  inRange({ ...account, creditLimit, updateTimeMs: nowMs });

/** The account with more on hold. Throws CREDIT_LIMIT_EXCEEDED when that is more than what is available. */
export const withHold = (account: Account, amount: bigint, nowMs: number): Account => {
  const available = availableCredit(account);
  if (amount > available) {
    const { id: accountId, currencyCode } = account;
    throw fail(CREDIT_LIMIT_EXCEEDED, { accountId, currencyCode, amount, available });
  }
  return { ...account, authorizedAmount: account.authorizedAmount + amount, updateTimeMs: nowMs };
};

/** The account without a hold of `held`, of which `charged` is owed from now on. */
export const withHoldEnded = (account: Account, ended: { held: bigint; charged: bigint }, nowMs: number): Account => ({
  ...account,
  authorizedAmount: account.authorizedAmount - ended.held,
  balance: account.balance + ended.charged,
  updateTimeMs: nowMs,
});

/** The account after a payment or a refund: `amount` less is owed. Throws BALANCE_OUT_OF_RANGE. */
export const withCredit = (account: Account, amount: bigint, nowMs: number): Account =>
  inRange({ ...account, balance: account.balance - amount, updateTimeMs: nowMs });

/**
 * Keeps every amount of an account within what Money carries. Only downwards can a balance run away: upwards, balance and
 * holds together never pass a limit that was in force, and no limit is larger than Money.
 */
const inRange = (account: Account): Account => {
  if (account.creditLimit - account.balance > MINOR_UNITS_MAX) {
    throw fail(BALANCE_OUT_OF_RANGE, { accountId: account.id, minorUnitsMax: MINOR_UNITS_MAX });
  }
  return account;
};
