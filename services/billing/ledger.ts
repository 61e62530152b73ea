import type { Ids } from "@heddle/mesh/runtime";

/** An account of the books. */
export type LedgerAccount = "receivable" | "sales" | "cash";
export type LedgerSide = "debit" | "credit";
export type BookingKind = "capture" | "refund" | "payment";

/** One side of a booking. */
export interface LedgerEntry {
  readonly id: string;
  readonly ledgerAccount: LedgerAccount;
  readonly side: LedgerSide;
  /** Minor units, more than zero. */
  readonly amount: bigint;
}

/** A transaction of the ledger: entries whose debits equal their credits. Written once, never changed. */
export interface Booking {
  readonly id: string;
  readonly accountId: string;
  readonly currencyCode: string;
  readonly kind: BookingKind;
  /** Empty for a payment. */
  readonly authorizationId: string;
  readonly reference: string;
  readonly createTimeMs: number;
  readonly entries: readonly LedgerEntry[];
}

/** What each kind of booking debits and credits. */
const SIDES: Readonly<Record<BookingKind, { readonly debit: LedgerAccount; readonly credit: LedgerAccount }>> = {
  capture: { debit: "receivable", credit: "sales" },
  refund: { debit: "sales", credit: "receivable" },
  payment: { debit: "cash", credit: "receivable" },
};

/** What a booking is about. */
export type BookingSubject = Omit<Booking, "id" | "kind" | "entries">;

/** The booking of an amount in minor units. Throws an Error when it would not balance. */
export const newBooking = (kind: BookingKind, amount: bigint, subject: BookingSubject, ids: Ids): Booking => {
  const { debit, credit } = SIDES[kind];
  const id = ids.next("txn");
  return balanced({
    id,
    ...subject,
    kind,
    entries: [
      { id: ids.next("ent"), ledgerAccount: debit, side: "debit", amount },
      { id: ids.next("ent"), ledgerAccount: credit, side: "credit", amount },
    ],
  });
};

/** The booking itself. Throws an Error, since it is the program's fault, unless its entries sum to zero. */
export const balanced = (booking: Booking): Booking => {
  const { id, entries } = booking;
  if (entries.length < 2) throw new Error(`Booking ${id} has ${entries.length} entries; double entry needs two.`);
  if (entries.some(({ amount }) => amount <= 0n)) throw new Error(`Booking ${id} has an amount that is not positive.`);
  const sum = entries.reduce((total, { side, amount }) => total + (side === "debit" ? amount : -amount), 0n);
  if (sum !== 0n) throw new Error(`Booking ${id} does not balance: its debits exceed its credits by ${sum}.`);
  return booking;
};
