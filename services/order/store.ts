import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type Order,
  OrderSchema,
  OrderState,
  type OrderTransition,
  OrderTransitionSchema,
} from "@heddle/contracts/order/v1";
import { etagOf } from "@heddle/mesh/contract";
import { type Reader, sql, type Tx } from "@heddle/mesh/store";

type OrderRow = {
  id: string;
  customer_id: string;
  currency_code: string;
  total_minor_units: number;
  state: number;
  rejection_reason: number;
  authorization_id: string;
  create_time_ms: number;
  update_time_ms: number;
  lines: Uint8Array;
};
type Row = OrderRow & { request_id: string | null; request_hash: Uint8Array | null };
type TransitionRow = {
  order_id: string;
  sequence: number;
  from_state: number;
  to_state: number;
  reason: string;
  create_time_ms: number;
};

/** An order and the request that made it. */
export interface RequestedOrder {
  readonly order: Order;
  /** SHA-256 of the request, where it had a request id. */
  readonly requestHash: Uint8Array | undefined;
}

/** Which orders a list asks for. */
export interface OrderList {
  /** Empty: any. */
  readonly customerId: string;
  /** Empty: any. */
  readonly states: readonly OrderState[];
  /** Only those before this one; undefined: from the latest on. */
  readonly beforeId: string | undefined;
  readonly limit: number;
}

const insertRow = sql<Row>(`
  INSERT INTO orders (id, customer_id, currency_code, total_minor_units, state, rejection_reason, authorization_id,
    create_time_ms, update_time_ms, request_id, request_hash, lines)
  VALUES (:id, :customer_id, :currency_code, :total_minor_units, :state, :rejection_reason, :authorization_id,
    :create_time_ms, :update_time_ms, :request_id, :request_hash, :lines)`);

const updateRow = sql<Pick<OrderRow, "id" | "state" | "rejection_reason" | "authorization_id" | "update_time_ms">>(`
  UPDATE orders SET state = :state, rejection_reason = :rejection_reason, authorization_id = :authorization_id,
    update_time_ms = :update_time_ms
  WHERE id = :id`);

const byId = sql<{ id: string }, Row>("SELECT * FROM orders WHERE id = :id");
const byRequest = sql<{ requestId: string }, Row>("SELECT * FROM orders WHERE request_id = :requestId");

// One statement per shape of list, so that each has an index that fits.
const all = sql<{ before: string; limit: number }, Row>(
  "SELECT * FROM orders WHERE id < :before ORDER BY id DESC LIMIT :limit",
);
const ofState = sql<{ state: number; before: string; limit: number }, Row>(
  "SELECT * FROM orders WHERE state = :state AND id < :before ORDER BY id DESC LIMIT :limit",
);
const ofCustomer = sql<{ customerId: string; before: string; limit: number }, Row>(
  "SELECT * FROM orders WHERE customer_id = :customerId AND id < :before ORDER BY id DESC LIMIT :limit",
);
const ofCustomerInStates = sql<{ customerId: string; states: string; before: string; limit: number }, Row>(`
  SELECT * FROM orders INDEXED BY orders_by_customer
  WHERE customer_id = :customerId AND id < :before AND state IN (SELECT value FROM json_each(:states))
  ORDER BY id DESC LIMIT :limit`);

const insertTransition = sql<Omit<TransitionRow, "sequence">>(`
  INSERT INTO order_transitions (order_id, sequence, from_state, to_state, reason, create_time_ms)
  SELECT :order_id, coalesce(max(sequence), 0) + 1, :from_state, :to_state, :reason, :create_time_ms
  FROM order_transitions WHERE order_id = :order_id`);

const transitionsAfter = sql<{ orderId: string; after: bigint; limit: number }, TransitionRow>(
  "SELECT * FROM order_transitions WHERE order_id = :orderId AND sequence > :after ORDER BY sequence LIMIT :limit",
);

const insertDeletedCustomer = sql<{ customerId: string; nowMs: number }>(
  "INSERT INTO deleted_customers (customer_id, create_time_ms) VALUES (:customerId, :nowMs) ON CONFLICT DO NOTHING",
);
const deleteDeletedCustomer = sql<{ customerId: string }>(
  "DELETE FROM deleted_customers WHERE customer_id = :customerId",
);
const deletedCustomer = sql<{ customerId: string }, { found: number }>(
  "SELECT 1 AS found FROM deleted_customers WHERE customer_id = :customerId",
);

/** Sorts after every id. */
const AFTER_ALL = "~";

/** The orders and their history, as rows and back. */
export const orderStore = () => ({
  async insert(
    tx: Tx,
    order: Order,
    request: { readonly requestId: string; readonly requestHash: Uint8Array } | undefined,
  ): Promise<void> {
    const { requestId = null, requestHash = null } = request ?? {};
    await tx.run(insertRow, { ...toRow(order), request_id: requestId, request_hash: requestHash });
  },
  /** Writes what a transition changes. */
  async update(tx: Tx, order: Order): Promise<void> {
    const { id, state, rejection_reason, authorization_id, update_time_ms } = toRow(order);
    await tx.run(updateRow, { id, state, rejection_reason, authorization_id, update_time_ms });
  },
  /** Appends the step that led from one state of an order to the next; `before` is undefined for the first. */
  async appendTransition(tx: Tx, before: Order | undefined, after: Order, reason: string): Promise<void> {
    await tx.run(insertTransition, {
      order_id: after.id,
      from_state: before?.state ?? OrderState.UNSPECIFIED,
      to_state: after.state,
      reason,
      create_time_ms: after.updateTime ? timestampMs(after.updateTime) : 0,
    });
  },
  async find(reader: Reader, id: string): Promise<Order | undefined> {
    const row = await reader.get(byId, { id });
    return row && toOrder(row);
  },
  async findByRequest(reader: Reader, requestId: string): Promise<RequestedOrder | undefined> {
    const row = await reader.get(byRequest, { requestId });
    return row && { order: toOrder(row), requestHash: row.request_hash ?? undefined };
  },
  /** Remembers that a customer is deleted. */
  async putDeletedCustomer(tx: Tx, customerId: string, nowMs: number): Promise<void> {
    await tx.run(insertDeletedCustomer, { customerId, nowMs });
  },
  async removeDeletedCustomer(tx: Tx, customerId: string): Promise<void> {
    await tx.run(deleteDeletedCustomer, { customerId });
  },
  async isDeletedCustomer(reader: Reader, customerId: string): Promise<boolean> {
    return (await reader.get(deletedCustomer, { customerId })) !== undefined;
  },
  /** Latest first. */
  async list(reader: Reader, list: OrderList): Promise<Order[]> {
    return (await listRows(reader, list)).map(toOrder);
  },
  /** In the order of their sequence. */
  async listTransitions(reader: Reader, orderId: string, after: bigint, limit: number): Promise<OrderTransition[]> {
    const rows = await reader.all(transitionsAfter, { orderId, after, limit });
    return rows.map(toTransition);
  },
});

export type OrderStore = ReturnType<typeof orderStore>;

const listRows = async (reader: Reader, { customerId, states, beforeId, limit }: OrderList): Promise<Row[]> => {
  const page = { before: beforeId ?? AFTER_ALL, limit };
  if (customerId !== "") {
    return states.length === 0
      ? reader.all(ofCustomer, { customerId, ...page })
      : reader.all(ofCustomerInStates, { customerId, states: JSON.stringify(states), ...page });
  }
  if (states.length === 0) return reader.all(all, page);
  const perState: Row[] = [];
  for (const state of states) perState.push(...(await reader.all(ofState, { state, ...page })));
  return perState.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
};

const toRow = (order: Order): OrderRow => ({
  id: order.id,
  customer_id: order.customerId,
  currency_code: order.total?.currencyCode ?? "",
  // At most 10^15, which a double holds exactly.
  total_minor_units: Number(order.total?.minorUnits ?? 0n),
  state: order.state,
  rejection_reason: order.rejectionReason,
  authorization_id: order.authorizationId,
  create_time_ms: order.createTime ? timestampMs(order.createTime) : 0,
  update_time_ms: order.updateTime ? timestampMs(order.updateTime) : 0,
  lines: toBinary(OrderSchema, create(OrderSchema, { lines: order.lines })),
});

const toOrder = (row: Row): Order => {
  const order = create(OrderSchema, {
    id: row.id,
    customerId: row.customer_id,
    lines: fromBinary(OrderSchema, row.lines).lines,
    total: { currencyCode: row.currency_code, minorUnits: BigInt(row.total_minor_units) },
    state: row.state,
    rejectionReason: row.rejection_reason,
    authorizationId: row.authorization_id,
    createTime: timestampFromMs(row.create_time_ms),
    updateTime: timestampFromMs(row.update_time_ms),
  });
  order.etag = etagOf(OrderSchema, order);
  return order;
};

const toTransition = (row: TransitionRow): OrderTransition =>
  create(OrderTransitionSchema, {
    sequence: BigInt(row.sequence),
    orderId: row.order_id,
    fromState: row.from_state,
    toState: row.to_state,
    reason: row.reason,
    createTime: timestampFromMs(row.create_time_ms),
  });
