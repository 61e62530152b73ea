import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Account as AccountMessage,
  AccountSchema,
  type Authorization as AuthorizationMessage,
  AuthorizationSchema,
  AuthorizationState,
  LedgerAccount,
  type LedgerEntry as LedgerEntryMessage,
  LedgerEntrySchema,
  LedgerSide,
  LedgerTransactionKind,
  type TrialBalance as TrialBalanceMessage,
  TrialBalanceSchema,
} from "@heddle/contracts/billing/v1";
import { type Money, MoneySchema } from "@heddle/contracts/common/v1";
import { etagOf } from "@heddle/mesh/contract";
import { type Account, availableCredit } from "./account.ts";
import type { Authorization } from "./authorization.ts";
import type { AuthorizationState as State } from "./authorization-state.ts";
import type { Booking, BookingKind, LedgerEntry, LedgerAccount as NamedAccount, LedgerSide as Side } from "./ledger.ts";
import { MINOR_UNITS_MAX } from "./money.ts";
import type { TrialBalance } from "./trial-balance.ts";

/** The amount as contracts carry it. */
export const moneyOf = (currencyCode: string, minorUnits: bigint): Money =>
  create(MoneySchema, { currencyCode, minorUnits });

/** The account as callers see it, with its etag. */
export const accountMessage = (account: Account): AccountMessage => {
  const { id, customerId, currencyCode } = account;
  const message = create(AccountSchema, {
    id,
    customerId,
    currencyCode,
    creditLimit: moneyOf(currencyCode, account.creditLimit),
    balance: moneyOf(currencyCode, account.balance),
    authorizedAmount: moneyOf(currencyCode, account.authorizedAmount),
    availableCredit: moneyOf(currencyCode, availableCredit(account)),
    createTime: timestampFromMs(account.createTimeMs),
    updateTime: timestampFromMs(account.updateTimeMs),
  });
  message.etag = etagOf(AccountSchema, message);
  return message;
};

/** The authorization as callers see it, with its etag. */
export const authorizationMessage = (authorization: Authorization): AuthorizationMessage => {
  const { id, accountId, customerId, currencyCode, reference, capturedAmount, refundedAmount } = authorization;
  const message = create(AuthorizationSchema, {
    id,
    accountId,
    customerId,
    reference,
    amount: moneyOf(currencyCode, authorization.amount),
    ...(capturedAmount > 0n && { capturedAmount: moneyOf(currencyCode, capturedAmount) }),
    ...(refundedAmount > 0n && { refundedAmount: moneyOf(currencyCode, refundedAmount) }),
    state: STATES[authorization.state],
    expireTime: timestampFromMs(authorization.expireTimeMs),
    createTime: timestampFromMs(authorization.createTimeMs),
    updateTime: timestampFromMs(authorization.updateTimeMs),
  });
  message.etag = etagOf(AuthorizationSchema, message);
  return message;
};

/** An entry with what it shares with the others of its booking. */
export const ledgerEntryMessage = (entry: LedgerEntry, booking: Omit<Booking, "entries">): LedgerEntryMessage =>
  create(LedgerEntrySchema, {
    id: entry.id,
    transactionId: booking.id,
    accountId: booking.accountId,
    ledgerAccount: ACCOUNTS[entry.ledgerAccount],
    side: SIDES[entry.side],
    amount: moneyOf(booking.currencyCode, entry.amount),
    kind: KINDS[booking.kind],
    authorizationId: booking.authorizationId,
    reference: booking.reference,
    createTime: timestampFromMs(booking.createTimeMs),
  });

/** The books in one currency as callers see them. */
export const trialBalanceMessage = (balance: TrialBalance): TrialBalanceMessage => {
  const { currencyCode, balanced } = balance;
  // Sums know no bound; Money has one.
  const carried = (total: bigint) => (total <= MINOR_UNITS_MAX ? moneyOf(currencyCode, total) : undefined);
  const totals = ({ debitTotal, creditTotal }: { debitTotal: bigint; creditTotal: bigint }) => {
    const [debit, credit] = [carried(debitTotal), carried(creditTotal)];
    return {
      ...(debit && { debitTotal: debit }),
      ...(credit && { creditTotal: credit }),
      debitMinorUnits: String(debitTotal),
      creditMinorUnits: String(creditTotal),
    };
  };
  return create(TrialBalanceSchema, {
    currencyCode,
    lines: balance.lines.map((line) => ({ ledgerAccount: ACCOUNTS[line.ledgerAccount], ...totals(line) })),
    ...totals(balance),
    balanced,
  });
};

const STATES = {
  authorized: AuthorizationState.AUTHORIZED,
  captured: AuthorizationState.CAPTURED,
  voided: AuthorizationState.VOIDED,
  refunded: AuthorizationState.REFUNDED,
  expired: AuthorizationState.EXPIRED,
} as const satisfies Record<State, AuthorizationState>;

const ACCOUNTS = {
  receivable: LedgerAccount.RECEIVABLE,
  sales: LedgerAccount.SALES,
  cash: LedgerAccount.CASH,
} as const satisfies Record<NamedAccount, LedgerAccount>;

const SIDES = { debit: LedgerSide.DEBIT, credit: LedgerSide.CREDIT } as const satisfies Record<Side, LedgerSide>;

const KINDS = {
  capture: LedgerTransactionKind.CAPTURE,
  refund: LedgerTransactionKind.REFUND,
  payment: LedgerTransactionKind.PAYMENT,
} as const satisfies Record<BookingKind, LedgerTransactionKind>;
