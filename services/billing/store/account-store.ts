import { fail } from "@heddle/mesh/contract";
import { isUniqueViolation, type Reader, sql, type Tx } from "@heddle/mesh/store";
import type { Account } from "../account.ts";
import { ACCOUNT_ALREADY_EXISTS } from "../errors.ts";

type Row = {
  id: string;
  customer_id: string;
  currency_code: string;
  credit_limit: bigint;
  balance: bigint;
  held_amount: bigint;
  create_time_ms: bigint;
  update_time_ms: bigint;
};

/** A row with what of its holds is over at the time of the question. */
type RowNow = Row & { over_amount: bigint; over_time_ms: bigint };

const insertRow = sql<Row>(`
  INSERT INTO accounts (id, customer_id, currency_code, credit_limit, balance, held_amount, create_time_ms, update_time_ms)
  VALUES (:id, :customer_id, :currency_code, :credit_limit, :balance, :held_amount, :create_time_ms, :update_time_ms)`);

const changeRow = sql<{ id: string; creditLimit: bigint; charged: bigint; held: bigint; updateTimeMs: number }>(`
  UPDATE accounts SET credit_limit = :creditLimit, balance = balance + :charged, held_amount = held_amount + :held,
    update_time_ms = :updateTimeMs
  WHERE id = :id`);

const releaseExpired = sql<{ id: string; amount: bigint; expireTimeMs: number }>(`
  UPDATE accounts SET held_amount = held_amount - :amount, update_time_ms = max(update_time_ms, :expireTimeMs)
  WHERE id = :id`);

const NOW = `
  SELECT accounts.*, coalesce(ended.amount, 0) AS over_amount, coalesce(ended.time_ms, 0) AS over_time_ms
  FROM accounts, (
    SELECT sum(amount) AS amount, max(expire_time_ms) AS time_ms FROM authorizations
    WHERE account_id = ACCOUNT AND state = 'authorized' AND expire_time_ms <= :nowMs
  ) AS ended`;

const byId = sql<{ id: string; nowMs: number }, RowNow>(`${NOW.replace("ACCOUNT", ":id")} WHERE id = :id`, {
  bigints: true,
});

const byCustomer = sql<{ customerId: string; nowMs: number }, RowNow>(
  `${NOW.replace("ACCOUNT", "(SELECT id FROM accounts WHERE customer_id = :customerId)")} WHERE customer_id = :customerId`,
  { bigints: true },
);

/** The accounts, as rows and back. Holds whose time is over count as ended, whether or not that was written down. */
export const accountStore = () => ({
  /** Throws ACCOUNT_ALREADY_EXISTS. */
  insert: (tx: Tx, account: Account) =>
    tx.run(insertRow, toRow(account)).catch((error: unknown) => {
      if (!isUniqueViolation(error, "accounts.customer_id")) throw error;
      throw fail(ACCOUNT_ALREADY_EXISTS, { customerId: account.customerId });
    }),
  /** Writes what `next` changed. As differences, since the row still counts holds that `current` leaves out. */
  update: (tx: Tx, current: Account, next: Account) =>
    tx.run(changeRow, {
      id: current.id,
      creditLimit: next.creditLimit,
      charged: next.balance - current.balance,
      held: next.authorizedAmount - current.authorizedAmount,
      updateTimeMs: next.updateTimeMs,
    }),
  /** Takes a hold whose time is over out of the row; what `find` tells stays the same. */
  releaseExpired: (tx: Tx, id: string, hold: { amount: bigint; expireTimeMs: number }) =>
    tx.run(releaseExpired, { id, amount: hold.amount, expireTimeMs: hold.expireTimeMs }),
  async find(reader: Reader, id: string, nowMs: number): Promise<Account | undefined> {
    const row = await reader.get(byId, { id, nowMs });
    return row && toAccount(row);
  },
  async findOfCustomer(reader: Reader, customerId: string, nowMs: number): Promise<Account | undefined> {
    const row = await reader.get(byCustomer, { customerId, nowMs });
    return row && toAccount(row);
  },
});

export type AccountStore = ReturnType<typeof accountStore>;

const toRow = (account: Account): Row => ({
  id: account.id,
  customer_id: account.customerId,
  currency_code: account.currencyCode,
  credit_limit: account.creditLimit,
  balance: account.balance,
  held_amount: account.authorizedAmount,
  create_time_ms: BigInt(account.createTimeMs),
  update_time_ms: BigInt(account.updateTimeMs),
});

const toAccount = (row: RowNow): Account => ({
  id: row.id,
  customerId: row.customer_id,
  currencyCode: row.currency_code,
  creditLimit: row.credit_limit,
  balance: row.balance,
  authorizedAmount: row.held_amount - row.over_amount,
  createTimeMs: Number(row.create_time_ms),
  updateTimeMs: Math.max(Number(row.update_time_ms), Number(row.over_time_ms)),
});
