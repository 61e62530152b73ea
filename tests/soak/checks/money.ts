import { BillingService, LedgerSide } from "@heddle/contracts/billing/v1";
import { OrderState } from "@heddle/contracts/order/v1";
import type { AuthorizationRow, EntryRow, OrderRow } from "../stores.ts";
import { byKey, type Check, checking, type Evidence, groupedBy, sumOf } from "./check.ts";

const debits = (entries: readonly EntryRow[]) =>
  sumOf(
    entries.filter(({ side }) => side === "debit"),
    ({ amount }) => amount,
  );
const credits = (entries: readonly EntryRow[]) =>
  sumOf(
    entries.filter(({ side }) => side === "credit"),
    ({ amount }) => amount,
  );

/** Debits equal credits: in each booking, in each currency, in the API's list and in its trial balance. */
export const booksBalance = ({ stores, answers }: Evidence): Check => {
  const check = checking("debits equal credits", "bookings");
  for (const [id, entries] of groupedBy(stores.entries, ({ transactionId }) => transactionId)) {
    check.look();
    check.expect(
      debits(entries) === credits(entries),
      () => `booking ${id}: debits are ${debits(entries)}, credits ${credits(entries)}`,
    );
    check.expect(
      entries.every(({ kind }) => kind !== ""),
      () => `booking ${id} was never posted`,
    );
  }
  const balances = byKey(answers.trialBalance.trialBalances, ({ currencyCode }) => currencyCode);
  for (const [currency, entries] of groupedBy(stores.entries, ({ currencyCode }) => currencyCode)) {
    const said = balances.get(currency);
    check.expect(
      said?.balanced === true &&
        said.debitTotal?.minorUnits === debits(entries) &&
        said.creditTotal?.minorUnits === credits(entries),
      () =>
        `${currency}: the trial balance says ${said?.debitTotal?.minorUnits} and ${said?.creditTotal?.minorUnits}, the ledger ${debits(entries)} and ${credits(entries)}`,
    );
    const listed = answers.ledgerEntries.filter(({ amount }) => amount?.currencyCode === currency);
    const listedDebits = sumOf(
      listed.filter(({ side }) => side === LedgerSide.DEBIT),
      ({ amount }) => amount?.minorUnits ?? 0n,
    );
    check.expect(
      listed.length === entries.length && listedDebits === debits(entries),
      () => `${currency}: ListLedgerEntries lists ${listed.length} entries, the ledger has ${entries.length}`,
    );
  }
  return check.done();
};

/** What an account says of itself is what its ledger entries and holds sum to. */
export const accountsAddUp = ({ stores }: Evidence): Check => {
  const check = checking("balances are the sum of the ledger entries, holds that of the authorizations", "accounts");
  const entriesOf = groupedBy(stores.entries, ({ accountId }) => accountId);
  const holdsOf = groupedBy(
    stores.authorizations.filter(({ state }) => state === "authorized"),
    ({ accountId }) => accountId,
  );
  for (const { id, balance, held } of stores.accounts) {
    check.look();
    const receivable = (entriesOf.get(id) ?? []).filter(({ ledgerAccount }) => ledgerAccount === "receivable");
    const owed = debits(receivable) - credits(receivable);
    check.expect(balance === owed, () => `account ${id} says that ${balance} is owed, its entries sum to ${owed}`);
    const holds = sumOf(holdsOf.get(id) ?? [], ({ amount }) => amount);
    check.expect(held === holds, () => `account ${id} says that ${held} is held, its authorizations sum to ${holds}`);
  }
  return check.done();
};

/** No order is charged or held twice, and no payment is booked twice or by nobody. */
export const chargedOnce = ({ ledger, stores }: Evidence): Check => {
  const check = checking("nothing is charged, refunded or paid twice", "references");
  const authorizations = byKey(stores.authorizations, ({ id }) => id);
  for (const [reference, own] of groupedBy(stores.authorizations, ({ reference }) => reference)) {
    check.look();
    const live = own.filter(({ state }) => state === "authorized" || state === "captured");
    check.expect(live.length <= 1, () => `${reference} has ${live.length} live authorizations: ${ids(live)}`);
  }
  const bookings = groupedBy(
    stores.entries.filter(({ side }) => side === "debit"),
    ({ kind, reference }) => `${kind} of ${reference}`,
  );
  for (const [what, sides] of bookings) {
    check.look();
    check.expect(sides.length === 1, () => `${what} was booked ${sides.length} times`);
    const [booked] = sides;
    const authorization = authorizations.get(booked?.authorizationId ?? "");
    if (booked === undefined || authorization === undefined) continue;
    const should = booked.kind === "capture" ? authorization.captured : authorization.refunded;
    check.expect(
      booked.amount === should,
      () => `${what}: ${booked.amount} was booked, the authorization says ${should}`,
    );
  }
  const booked = new Set(bookings.keys());
  for (const { id, reference, captured, refunded } of stores.authorizations) {
    check.expect(
      (captured === 0n || booked.has(`capture of ${reference}`)) &&
        (refunded === 0n || booked.has(`refund of ${reference}`)),
      () => `authorization ${id} of ${reference} was charged or refunded without a booking`,
    );
  }
  const asked = new Set(ledger.to(BillingService.method.recordPayment).map(({ request }) => request.reference));
  for (const { kind, reference } of stores.entries.filter(({ side }) => side === "debit")) {
    if (kind !== "payment") continue;
    check.expect(asked.has(reference), () => `payment ${reference} was booked, and nobody paid`);
  }
  return check.done();
};

/** An order's hold lives as long as the order is confirmed, its charge as long as it is fulfilled. */
export const holdsFollowOrders = ({ stores }: Evidence): Check => {
  const check = checking("no authorization outlives its order", "orders and authorizations");
  const orders = byKey(stores.orders, ({ id }) => id);
  const authorizations = groupedBy(stores.authorizations, ({ reference }) => reference);
  for (const authorization of stores.authorizations) {
    check.look();
    const { id, reference, state } = authorization;
    if (state !== "authorized" && state !== "captured") continue;
    const order = orders.get(reference);
    const due = state === "authorized" ? OrderState.CONFIRMED : OrderState.FULFILLED;
    check.expect(
      Number(order?.state) === due && order?.authorizationId === id && order.total === authorization.amount,
      () => `authorization ${id} is ${state}, its order ${reference} is ${stateOf(order)}`,
    );
  }
  for (const order of stores.orders) {
    check.look();
    const own = (authorizations.get(order.id) ?? []).find(({ id }) => id === order.authorizationId);
    const allowed = COVER[Number(order.state)];
    check.expect(
      allowed === undefined || (own !== undefined && allowed.includes(own.state) && whole(own)),
      () => `order ${order.id} is ${stateOf(order)}, its authorization is ${own?.state ?? "none"}`,
    );
  }
  return check.done();
};

/** What the authorization of an order may be, by the state of the order; one that is not named here has none. */
const COVER: Readonly<Record<number, readonly string[]>> = {
  [OrderState.CONFIRMED]: ["authorized"],
  [OrderState.FULFILLED]: ["captured"],
  [OrderState.CANCELLED]: ["voided", "refunded"],
};

const whole = ({ amount, captured, refunded, state }: AuthorizationRow): boolean =>
  (state === "captured" && captured === amount && refunded === 0n) ||
  (state === "refunded" && captured === amount && refunded === amount) ||
  captured === 0n;

const stateOf = (order: OrderRow | undefined): string =>
  order === undefined ? "unknown to the order service" : (OrderState[Number(order.state)] ?? "");

const ids = (authorizations: readonly AuthorizationRow[]): string => authorizations.map(({ id }) => id).join(", ");
