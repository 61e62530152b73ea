import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type Account,
  LedgerTransactionKind as Kind,
  LedgerAccount,
  type LedgerEntry,
  LedgerSide,
} from "@heddle/contracts/billing/v1";
import { type Order, OrderState, OrderRejectionReason as Reason } from "@heddle/contracts/order/v1";
import { systemClock } from "@heddle/mesh/runtime";
import { held, type Mesh } from "./mesh.ts";
import { paymentReference, type Walk } from "./person-walk.ts";
import { wrongView } from "./view-check.ts";

/** What the books say about one person's order of this run, and what does not add up. */
export interface Audit {
  /** Minor units, in the currency of the order. */
  readonly held: bigint;
  readonly captured: bigint;
  readonly refunded: bigint;
  readonly paid: bigint;
  readonly problems: readonly string[];
}

/** Milliseconds for which billing holds an amount, less a day: older holds may have ended by themselves. */
const HOLD_MS = 6 * 24 * 60 * 60_000;

/** Compares what a person's walk ended with with what the mesh says now. */
export const audit = async (mesh: Mesh, walk: Walk, runId: string): Promise<Audit> => {
  const { person, customerId, accountId, order } = walk;
  const problems = wrongOutcome(walk);
  const books = accountId === undefined ? undefined : await readBooks(mesh, accountId);
  const entries = books?.entries ?? [];
  if (books !== undefined) problems.push(...wrongAccount(books, await ordersOf(mesh, customerId)));

  const booked = (kind: Kind, reference: string): bigint => {
    const sides = entries.filter((entry) => entry.kind === kind && entry.reference === reference);
    if (sides.length > 2) problems.push(`${Kind[kind]} of ${reference} was booked ${sides.length / 2} times`);
    return sum(sides.filter(({ side }) => side === LedgerSide.DEBIT));
  };
  const captured = booked(Kind.CAPTURE, order.id);
  const refunded = booked(Kind.REFUND, order.id);
  const paid = booked(Kind.PAYMENT, paymentReference(runId, person));
  const total = order.total?.minorUnits ?? 0n;
  const expected = {
    captured: order.state === OrderState.FULFILLED || person.wish === "return" ? chargeable(order, total) : 0n,
    refunded: order.state === OrderState.CANCELLED && person.wish === "return" ? total : 0n,
    paid: walk.paidMinorUnits,
  };
  for (const [name, actual] of Object.entries({ captured, refunded, paid })) {
    const should = expected[name as keyof typeof expected];
    if (actual !== should) problems.push(`${name} ${actual} minor units for order ${order.id}, not ${should}`);
  }
  problems.push(...(await wrongView(mesh, customerId)));
  return {
    held: order.state === OrderState.CONFIRMED ? total : 0n,
    captured,
    refunded,
    paid,
    problems: problems.map((problem) => `line ${person.line}, ${person.email}: ${problem}`),
  };
};

const chargeable = (order: Order, total: bigint): bigint => (order.state === OrderState.REJECTED ? 0n : total);

/** The outcomes that can be told from the file and the replies alone. */
const wrongOutcome = ({ person, number, accountId, order }: Walk): string[] => {
  const wrong = (should: string) => [
    `order ${order.id} is ${OrderState[order.state]} (${Reason[order.rejectionReason]}), but ${should}`,
  ];
  const rejected = (...reasons: Reason[]) => reasons.includes(order.rejectionReason);
  // A service was away for longer than the order could wait.
  if (rejected(Reason.CHECK_UNAVAILABLE)) return [];
  if (number !== "verified") {
    return rejected(Reason.NUMBER_NOT_VERIFIED) ? [] : wrong(`the number is ${number}`);
  }
  if (accountId === undefined) {
    return rejected(Reason.ACCOUNT_NOT_FOUND, Reason.CREDIT_SCORE_TOO_LOW) ? [] : wrong("there is no account");
  }
  if (person.creditLimit?.currencyCode !== order.total?.currencyCode) {
    return rejected(Reason.CURRENCY_MISMATCH, Reason.CREDIT_SCORE_TOO_LOW)
      ? []
      : wrong("the account's currency differs");
  }
  if ((order.total?.minorUnits ?? 0n) > (person.creditLimit?.minorUnits ?? 0n)) {
    return rejected(Reason.CREDIT_LIMIT_EXCEEDED, Reason.CREDIT_SCORE_TOO_LOW)
      ? []
      : wrong("the total is beyond the limit");
  }
  if (order.state === OrderState.REJECTED) {
    return rejected(Reason.CREDIT_LIMIT_EXCEEDED, Reason.CREDIT_SCORE_TOO_LOW)
      ? []
      : wrong("nothing speaks against it");
  }
  return order.state === ENDS[person.wish] ? [] : wrong(`the person wished: ${person.wish}`);
};

/** The state in which a confirmed order ends. */
const ENDS = {
  fulfil: OrderState.FULFILLED,
  wait: OrderState.CONFIRMED,
  cancel: OrderState.CANCELLED,
  return: OrderState.CANCELLED,
} as const;

interface Books {
  readonly account: Account;
  readonly entries: readonly LedgerEntry[];
}

/** An account adds up when its balance is the sum of its entries, and its holds are those of its orders. */
const wrongAccount = ({ account, entries }: Books, orders: readonly Order[]): string[] => {
  const problems: string[] = [];
  const units = (amount: { minorUnits: bigint } | undefined) => amount?.minorUnits ?? 0n;
  const receivable = entries.filter(({ ledgerAccount }) => ledgerAccount === LedgerAccount.RECEIVABLE);
  const owed =
    sum(receivable.filter(({ side }) => side === LedgerSide.DEBIT)) -
    sum(receivable.filter(({ side }) => side === LedgerSide.CREDIT));
  if (units(account.balance) !== owed)
    problems.push(`the balance is ${units(account.balance)}, its entries sum to ${owed}`);
  const available = units(account.creditLimit) - units(account.balance) - units(account.authorizedAmount);
  if (units(account.availableCredit) !== available) {
    problems.push(`${units(account.availableCredit)} is available, not ${available}`);
  }
  const confirmed = orders.filter(({ state }) => state === OrderState.CONFIRMED);
  const sinceMs = systemClock.nowMs() - HOLD_MS;
  const fresh = confirmed.every(({ createTime }) => createTime !== undefined && timestampMs(createTime) > sinceMs);
  const holds = confirmed.reduce((total, order) => total + units(order.total), 0n);
  if (fresh && units(account.authorizedAmount) !== holds) {
    problems.push(`${units(account.authorizedAmount)} is held, the confirmed orders sum to ${holds}`);
  }
  return problems;
};

const readBooks = async ({ billing }: Mesh, accountId: string): Promise<Books> => {
  const { account } = await billing.getAccount({ lookup: { case: "accountId", value: accountId } });
  const entries: LedgerEntry[] = [];
  for (let pageToken: string | undefined; pageToken !== ""; ) {
    const page = await billing.listLedgerEntries({ accountId, pageSize: 1000, pageToken: pageToken ?? "" });
    entries.push(...page.ledgerEntries);
    pageToken = page.nextPageToken;
  }
  return { account: held(account, "account"), entries };
};

const ordersOf = async ({ orders }: Mesh, customerId: string): Promise<Order[]> => {
  const all: Order[] = [];
  for (let pageToken: string | undefined; pageToken !== ""; ) {
    const page = await orders.listOrders({ customerId, pageSize: 500, pageToken: pageToken ?? "" });
    all.push(...page.orders);
    pageToken = page.nextPageToken;
  }
  return all;
};

const sum = (entries: readonly LedgerEntry[]): bigint =>
  entries.reduce((total, { amount }) => total + (amount?.minorUnits ?? 0n), 0n);
