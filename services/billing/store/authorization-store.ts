import { type Reader, sql, type Tx } from "@heddle/mesh/store";
import type { Authorization } from "../authorization.ts";
import type { AuthorizationState } from "../authorization-state.ts";

type NewRow = {
  id: string;
  account_id: string;
  reference: string;
  amount: bigint;
  captured_amount: bigint;
  refunded_amount: bigint;
  state: string;
  expire_time_ms: bigint;
  create_time_ms: bigint;
  update_time_ms: bigint;
};
type Row = NewRow & { customer_id: string; currency_code: string };

const insertRow = sql<NewRow>(`
  INSERT INTO authorizations (id, account_id, reference, amount, captured_amount, refunded_amount, state, expire_time_ms, create_time_ms, update_time_ms)
  VALUES (:id, :account_id, :reference, :amount, :captured_amount, :refunded_amount, :state, :expire_time_ms, :create_time_ms, :update_time_ms)`);

const changeRow = sql<{
  id: string;
  capturedAmount: bigint;
  refundedAmount: bigint;
  state: string;
  updateTimeMs: number;
}>(`
  UPDATE authorizations SET captured_amount = :capturedAmount, refunded_amount = :refundedAmount, state = :state,
    update_time_ms = :updateTimeMs
  WHERE id = :id`);

const WITH_OWNER = `
  SELECT authorizations.*, accounts.customer_id, accounts.currency_code
  FROM authorizations JOIN accounts ON accounts.id = authorizations.account_id`;

const byId = sql<{ id: string }, Row>(`${WITH_OWNER} WHERE authorizations.id = :id`, { bigints: true });

const liveByReference = sql<{ accountId: string; reference: string }, Row>(
  `${WITH_OWNER} WHERE account_id = :accountId AND reference = :reference AND state IN ('authorized', 'captured')`,
  { bigints: true },
);

const heldUntil = sql<{ nowMs: number; limit: number }, Row>(
  `${WITH_OWNER} WHERE state = 'authorized' AND expire_time_ms <= :nowMs ORDER BY expire_time_ms, authorizations.id LIMIT :limit`,
  { bigints: true },
);

const insertVoidedReference = sql<{
  customerId: string;
  reference: string;
  authorizationId: string | null;
  nowMs: number;
}>(`
  INSERT INTO voided_references (customer_id, reference, authorization_id, create_time_ms)
  VALUES (:customerId, :reference, :authorizationId, :nowMs)`);

const voidedReference = sql<{ customerId: string; reference: string }, VoidedReference>(`
  SELECT authorization_id AS authorizationId FROM voided_references
  WHERE customer_id = :customerId AND reference = :reference`);

/** A reference with which nothing is authorized any more. */
export interface VoidedReference {
  /** What was held under it. */
  readonly authorizationId: string | null;
}

/** The authorizations, as rows and back: as they were written, so ask `asOf` whether the time of a hold is over. */
export const authorizationStore = () => ({
  insert: (tx: Tx, authorization: Authorization) => tx.run(insertRow, toRow(authorization)),
  update: (tx: Tx, { id, capturedAmount, refundedAmount, state, updateTimeMs }: Authorization) =>
    tx.run(changeRow, { id, capturedAmount, refundedAmount, state, updateTimeMs }),
  async find(reader: Reader, id: string): Promise<Authorization | undefined> {
    const row = await reader.get(byId, { id });
    return row && toAuthorization(row);
  },
  /** The one that is held or captured under a reference. */
  async findLive(reader: Reader, accountId: string, reference: string): Promise<Authorization | undefined> {
    const row = await reader.get(liveByReference, { accountId, reference });
    return row && toAuthorization(row);
  },
  /** A reference that was given up. */
  findVoidedReference: (reader: Reader, customerId: string, reference: string): Promise<VoidedReference | undefined> =>
    reader.get(voidedReference, { customerId, reference }),
  async giveUpReference(
    tx: Tx,
    given: { customerId: string; reference: string; authorizationId: string | null; nowMs: number },
  ): Promise<void> {
    await tx.run(insertVoidedReference, given);
  },
  /** Holds whose time is over and that were not written down as expired; those that ended first come first. */
  async listOver(reader: Reader, nowMs: number, limit: number): Promise<Authorization[]> {
    return (await reader.all(heldUntil, { nowMs, limit })).map(toAuthorization);
  },
});

export type AuthorizationStore = ReturnType<typeof authorizationStore>;

const toRow = (authorization: Authorization): NewRow => ({
  id: authorization.id,
  account_id: authorization.accountId,
  reference: authorization.reference,
  amount: authorization.amount,
  captured_amount: authorization.capturedAmount,
  refunded_amount: authorization.refundedAmount,
  state: authorization.state,
  expire_time_ms: BigInt(authorization.expireTimeMs),
  create_time_ms: BigInt(authorization.createTimeMs),
  update_time_ms: BigInt(authorization.updateTimeMs),
});

const toAuthorization = (row: Row): Authorization => ({
  id: row.id,
  accountId: row.account_id,
  customerId: row.customer_id,
  currencyCode: row.currency_code,
  reference: row.reference,
  amount: row.amount,
  capturedAmount: row.captured_amount,
  refundedAmount: row.refunded_amount,
  state: row.state as AuthorizationState,
  expireTimeMs: Number(row.expire_time_ms),
  createTimeMs: Number(row.create_time_ms),
  updateTimeMs: Number(row.update_time_ms),
});
