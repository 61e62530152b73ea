import { existsSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { dataFolder } from "./processes.ts";

/** What the services' databases hold, read by nobody's leave but the operating system's: no service has a say in it. */
export interface Stores {
  readonly orders: readonly OrderRow[];
  readonly transitions: readonly TransitionRow[];
  readonly accounts: readonly AccountRow[];
  readonly authorizations: readonly AuthorizationRow[];
  /** In the order of booking. */
  readonly entries: readonly EntryRow[];
  readonly customers: readonly CustomerRow[];
  /** By customer, the oldest first. */
  readonly records: readonly RecordRow[];
  readonly scores: readonly ScoreRow[];
  readonly users: readonly UserRow[];
  /** By service, in the order of their sequence. */
  readonly events: ReadonlyMap<string, readonly EventRow[]>;
}

export interface CustomerRow {
  readonly id: string;
  readonly email: string;
  /** 1 when deleted. */
  readonly deleted: bigint;
}

export interface RecordRow {
  readonly id: string;
  readonly customerId: string;
  /** 1 when it was ever verified. */
  readonly verified: bigint;
  /** 1 when erased. */
  readonly erased: bigint;
}

export interface ScoreRow {
  readonly id: string;
  readonly customerId: string;
  readonly value: bigint;
}

export interface UserRow {
  readonly id: string;
  readonly email: string;
}

export interface OrderRow {
  readonly id: string;
  readonly customerId: string;
  readonly currencyCode: string;
  readonly total: bigint;
  /** order.v1.OrderState */
  readonly state: bigint;
  readonly rejectionReason: bigint;
  readonly authorizationId: string;
}

export interface TransitionRow {
  readonly orderId: string;
  readonly sequence: bigint;
  readonly fromState: bigint;
  readonly toState: bigint;
}

export interface AccountRow {
  readonly id: string;
  readonly customerId: string;
  readonly currencyCode: string;
  readonly creditLimit: bigint;
  readonly balance: bigint;
  readonly held: bigint;
}

export interface AuthorizationRow {
  readonly id: string;
  readonly accountId: string;
  readonly reference: string;
  readonly amount: bigint;
  readonly captured: bigint;
  readonly refunded: bigint;
  /** authorized, captured, voided, refunded or expired. */
  readonly state: string;
}

/** One side of a booking, with what its booking says. */
export interface EntryRow {
  readonly id: string;
  readonly transactionId: string;
  readonly accountId: string;
  readonly currencyCode: string;
  readonly ledgerAccount: string;
  readonly side: string;
  readonly amount: bigint;
  /** capture, refund or payment. */
  readonly kind: string;
  readonly authorizationId: string | null;
  readonly reference: string;
}

export interface EventRow {
  readonly sequence: bigint;
  readonly type: string;
  readonly key: string;
  readonly payload: Uint8Array;
  readonly createTimeMs: bigint;
}

/** The services that keep data. */
export const KEEPERS = ["auth", "billing", "creditscore", "customer", "order", "overview", "socialsecurity"] as const;

/** Reads all that the checks need, each database in one snapshot. */
export const readStores = (folder: string): Stores => ({
  ...within(folder, "order", (rows) => ({
    orders: rows<OrderRow>(
      `SELECT id, customer_id AS customerId, currency_code AS currencyCode, total_minor_units AS total, state,
        rejection_reason AS rejectionReason, authorization_id AS authorizationId FROM orders ORDER BY id`,
    ),
    transitions: rows<TransitionRow>(
      `SELECT order_id AS orderId, sequence, from_state AS fromState, to_state AS toState
        FROM order_transitions ORDER BY order_id, sequence`,
    ),
  })),
  ...within(folder, "billing", (rows) => ({
    accounts: rows<AccountRow>(
      `SELECT id, customer_id AS customerId, currency_code AS currencyCode, credit_limit AS creditLimit, balance,
        held_amount AS held FROM accounts ORDER BY id`,
    ),
    authorizations: rows<AuthorizationRow>(
      `SELECT id, account_id AS accountId, reference, amount, captured_amount AS captured, refunded_amount AS refunded,
        state FROM authorizations ORDER BY id`,
    ),
    entries: rows<EntryRow>(
      `SELECT e.id, e.transaction_id AS transactionId, e.account_id AS accountId, e.currency_code AS currencyCode,
        e.ledger_account AS ledgerAccount, e.side, e.amount, coalesce(t.kind, '') AS kind,
        t.authorization_id AS authorizationId, coalesce(t.reference, '') AS reference
        FROM ledger_entries e LEFT JOIN ledger_transactions t ON t.id = e.transaction_id ORDER BY e.sequence`,
    ),
  })),
  ...within(folder, "customer", (rows) => ({
    customers: rows<CustomerRow>("SELECT id, email, delete_time_ms IS NOT NULL AS deleted FROM customers ORDER BY id"),
  })),
  ...within(folder, "socialsecurity", (rows) => ({
    records: rows<RecordRow>(
      `SELECT id, customer_id AS customerId, verify_time_ms IS NOT NULL AS verified,
        erase_time_ms IS NOT NULL AS erased FROM records ORDER BY customer_id, id`,
    ),
  })),
  ...within(folder, "creditscore", (rows) => ({
    scores: rows<ScoreRow>(
      "SELECT id, customer_id AS customerId, value FROM credit_scores ORDER BY customer_id, sequence",
    ),
  })),
  ...within(folder, "auth", (rows) => ({ users: rows<UserRow>("SELECT id, email FROM users ORDER BY id") })),
  events: new Map(
    KEEPERS.map((service) => [
      service,
      within(folder, service, (rows) =>
        rows<EventRow>(
          "SELECT sequence, type, key, payload, create_time_ms AS createTimeMs FROM heddle_events ORDER BY sequence",
        ),
      ),
    ]),
  ),
});

/** The sequence of each feed's last event, by service: it stands still once nothing happens any more. */
export const feedHeads = (folder: string): Map<string, bigint> =>
  new Map(
    KEEPERS.map((service) => {
      const [head] = within(folder, service, (rows) =>
        rows<{ last: bigint | null }>("SELECT max(sequence) AS last FROM heddle_events"),
      );
      return [service, head?.last ?? 0n];
    }),
  );

/** The file that a service keeps its data in. */
export const databaseFile = (folder: string, service: string): string =>
  join(dataFolder(folder), service, `${service}.db`);

/** Reads one database in one snapshot; whole numbers are bigints. */
const within = <T>(folder: string, service: string, read: (rows: <R>(query: string) => R[]) => T): T => {
  const file = databaseFile(folder, service);
  if (!existsSync(file)) throw new Error(`${service} has no database ${file}`);
  const database = new Database(file, { readonly: true });
  try {
    database.defaultSafeIntegers();
    return database.transaction(() => read(<R>(query: string) => database.prepare(query).all() as R[]))();
  } finally {
    database.close();
  }
};
