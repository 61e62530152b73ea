import { type Reader, sql, type Tx } from "@heddle/mesh/store";
import type { Booking, BookingKind, LedgerAccount, LedgerEntry, LedgerSide } from "../ledger.ts";
import type { LedgerSum } from "../trial-balance.ts";

type EntryRow = {
  id: string;
  transaction_id: string;
  account_id: string;
  currency_code: string;
  ledger_account: string;
  side: string;
  amount: bigint;
};
type TransactionRow = {
  id: string;
  account_id: string;
  currency_code: string;
  kind: string;
  authorization_id: string | null;
  reference: string;
  create_time_ms: bigint;
};
type ListedRow = EntryRow & Omit<TransactionRow, "id"> & { sequence: bigint };
type SumRow = { currency_code: string; ledger_account: string; side: string; total: bigint };

/** Which entries a list asks for. */
export interface LedgerEntryList {
  /** Empty: all. */
  readonly accountId: string;
  /** Only those before this `sequence`; undefined: from the latest on. */
  readonly beforeSequence: string | undefined;
  readonly limit: number;
}

/** An entry with its booking and its place in the ledger. */
export interface ListedEntry {
  readonly entry: LedgerEntry;
  readonly booking: Omit<Booking, "entries">;
  readonly sequence: bigint;
}

/** Entries that one sum covers at most: as many as fit 64 bits if each were as large as Money allows, read in a few ms. */
export const ENTRIES_PER_SUM_MAX = 8_000;

const SEQUENCE_MAX = String(2n ** 63n - 1n);

const insertEntry = sql<EntryRow>(`
  INSERT INTO ledger_entries (id, transaction_id, account_id, currency_code, ledger_account, side, amount)
  VALUES (:id, :transaction_id, :account_id, :currency_code, :ledger_account, :side, :amount)`);

const insertTransaction = sql<TransactionRow>(`
  INSERT INTO ledger_transactions (id, account_id, currency_code, kind, authorization_id, reference, create_time_ms)
  VALUES (:id, :account_id, :currency_code, :kind, :authorization_id, :reference, :create_time_ms)`);

const listed = (entries: string) => `
  SELECT ledger_entries.*, kind, authorization_id, reference, create_time_ms
  FROM ${entries} JOIN ledger_transactions ON ledger_transactions.id = transaction_id
  WHERE sequence < CAST(:before AS INTEGER)`;

// One statement per shape of list, so that each has an index that fits.
const all = sql<{ before: string; limit: number }, ListedRow>(
  `${listed("ledger_entries")} ORDER BY sequence DESC LIMIT :limit`,
  { bigints: true },
);
// Named, since SQLite, from what it knew of a young database with few accounts, would walk the whole ledger instead.
const ofAccount = sql<{ accountId: string; before: string; limit: number }, ListedRow>(
  `${listed("ledger_entries INDEXED BY ledger_entries_by_account")}
     AND ledger_entries.account_id = :accountId ORDER BY sequence DESC LIMIT :limit`,
  { bigints: true },
);

const lastSequence = sql<Record<string, never>, { sequence: bigint }>(
  "SELECT coalesce(max(sequence), 0) AS sequence FROM ledger_entries",
  { bigints: true },
);

const sums = sql<{ after: bigint; last: bigint; currencyCode: string }, SumRow>(
  `SELECT currency_code, ledger_account, side, sum(amount) AS total FROM ledger_entries
   WHERE sequence > :after AND sequence <= min(:after + ${ENTRIES_PER_SUM_MAX}, :last) AND (:currencyCode = '' OR currency_code = :currencyCode)
   GROUP BY currency_code, ledger_account, side`,
  { bigints: true },
);

/** The ledger, as rows and back. It can be added to, and nothing else. */
export const ledgerStore = () => ({
  /** Writes a booking. The database refuses one that does not balance. */
  async post(tx: Tx, booking: Booking): Promise<void> {
    for (const entry of booking.entries) await tx.run(insertEntry, toEntryRow(entry, booking));
    await tx.run(insertTransaction, toTransactionRow(booking));
  },
  /** Latest first. */
  async list(reader: Reader, { accountId, beforeSequence, limit }: LedgerEntryList): Promise<ListedEntry[]> {
    const before = beforeSequence ?? SEQUENCE_MAX;
    const rows =
      accountId === ""
        ? await reader.all(all, { before, limit })
        : await reader.all(ofAccount, { accountId, before, limit });
    return rows.map(toListed);
  },
  /** The place of the latest entry; 0 when there is none. */
  async lastSequence(reader: Reader): Promise<bigint> {
    return (await reader.get(lastSequence, {}))?.sequence ?? 0n;
  },
  /** What the ENTRIES_PER_SUM_MAX entries behind `after`, but none behind `last`, add up to. Empty `currencyCode`: all. */
  async sum(reader: Reader, range: { after: bigint; last: bigint; currencyCode: string }): Promise<LedgerSum[]> {
    return (await reader.all(sums, range)).map((row) => ({
      currencyCode: row.currency_code,
      ledgerAccount: row.ledger_account as LedgerAccount,
      side: row.side as LedgerSide,
      total: row.total,
    }));
  },
});

export type LedgerStore = ReturnType<typeof ledgerStore>;

const toEntryRow = ({ id, ledgerAccount, side, amount }: LedgerEntry, booking: Booking): EntryRow => ({
  id,
  transaction_id: booking.id,
  account_id: booking.accountId,
  currency_code: booking.currencyCode,
  ledger_account: ledgerAccount,
  side,
  amount,
});

const toTransactionRow = (booking: Booking): TransactionRow => ({
  id: booking.id,
  account_id: booking.accountId,
  currency_code: booking.currencyCode,
  kind: booking.kind,
  authorization_id: booking.authorizationId === "" ? null : booking.authorizationId,
  reference: booking.reference,
  create_time_ms: BigInt(booking.createTimeMs),
});

const toListed = (row: ListedRow): ListedEntry => ({
  sequence: row.sequence,
  entry: {
    id: row.id,
    ledgerAccount: row.ledger_account as LedgerAccount,
    side: row.side as LedgerSide,
    amount: row.amount,
  },
  booking: {
    id: row.transaction_id,
    accountId: row.account_id,
    currencyCode: row.currency_code,
    kind: row.kind as BookingKind,
    authorizationId: row.authorization_id ?? "",
    reference: row.reference,
    createTimeMs: Number(row.create_time_ms),
  },
});
