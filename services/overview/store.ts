import type { OrderState } from "@heddle/contracts/order/v1";
import type { CustomerOverview } from "@heddle/contracts/overview/v1";
import { compileDecoder, compileEncoder } from "@heddle/mesh/rpc";
import { type Reader, sql, type Tx } from "@heddle/mesh/store";
import { type AsOf, type KnownParts, overviewOf } from "./overview-of.ts";
import { SOURCES, type ViewSource } from "./sources.ts";
import type { Changes, Known, Subjects } from "./view.ts";
import type { Part } from "./view-effects.ts";

type Column = "customer" | "number" | "credit_score" | "account" | "orders";
type Row = { customer_id: string } & { [C in Column]: Uint8Array | null } & {
  [C in `${Column}_time_ms`]: number | null;
};
type PartRow = { customerId: string; part: Uint8Array };

const byCustomer = sql<{ generation: number; customerId: string }, Row>(
  "SELECT * FROM overviews WHERE generation = :generation AND customer_id = :customerId",
);

const page = sql<{ generation: number; after: string; limit: number }, Row>(
  "SELECT * FROM overviews WHERE generation = :generation AND customer_id > :after ORDER BY customer_id LIMIT :limit",
);

const COLUMNS: Readonly<Record<ViewSource["field"], Column>> = {
  customer: "customer",
  number: "number",
  creditScore: "credit_score",
  account: "account",
  orders: "orders",
};

/** What a source reads and writes: its own columns, and no other's. */
const ofSource = new Map(
  SOURCES.map(({ field }) => {
    const column = COLUMNS[field];
    return [
      field,
      {
        load: sql<{ generation: number; ids: string }, PartRow>(`
          SELECT customer_id AS customerId, ${column} AS part FROM overviews
          WHERE generation = :generation AND customer_id IN (SELECT value FROM json_each(:ids)) AND ${column} IS NOT NULL`),
        put: sql<{ generation: number; customerId: string; part: Uint8Array; timeMs: number }>(`
          INSERT INTO overviews (generation, customer_id, ${column}, ${column}_time_ms)
          VALUES (:generation, :customerId, :part, :timeMs)
          ON CONFLICT DO UPDATE SET ${column} = excluded.${column},
            ${column}_time_ms = max(coalesce(${column}_time_ms, 0), excluded.${column}_time_ms)`),
      },
    ];
  }),
);

const loadOrders = sql<{ generation: number; ids: string }, { orderId: string; state: number }>(`
  SELECT order_id AS orderId, state FROM overview_orders
  WHERE generation = :generation AND order_id IN (SELECT value FROM json_each(:ids))`);

const putOrder = sql<{ generation: number; orderId: string; state: number }>(`
  INSERT INTO overview_orders (generation, order_id, state) VALUES (:generation, :orderId, :state)
  ON CONFLICT DO UPDATE SET state = excluded.state`);

const dropRows = sql<{ generation: number; limit: number }>(`
  DELETE FROM overviews WHERE generation = :generation AND customer_id IN
    (SELECT customer_id FROM overviews WHERE generation = :generation LIMIT :limit)`);

const dropOrders = sql<{ generation: number; limit: number }>(`
  DELETE FROM overview_orders WHERE generation = :generation AND order_id IN
    (SELECT order_id FROM overview_orders WHERE generation = :generation LIMIT :limit)`);

const dropSources = sql<{ generation: number }>("DELETE FROM overview_sources WHERE generation = :generation");

const asOfTimes = sql<{ generation: number }, { source: string; timeMs: number }>(
  "SELECT source, as_of_time_ms AS timeMs FROM overview_sources WHERE generation = :generation",
);

const putAsOf = sql<{ generation: number; source: string; timeMs: number }>(`
  INSERT INTO overview_sources (generation, source, as_of_time_ms) VALUES (:generation, :source, :timeMs)
  ON CONFLICT DO UPDATE SET as_of_time_ms = max(as_of_time_ms, excluded.as_of_time_ms)`);

const asOf = async (reader: Reader, generation: number): Promise<AsOf> =>
  new Map((await reader.all(asOfTimes, { generation })).map(({ source, timeMs }) => [source, timeMs]));

/** The views, as rows and back. Each belongs to a generation; two are kept while the next is built. */
export const viewStore = () => ({
  async find(reader: Reader, generation: number, customerId: string): Promise<CustomerOverview | undefined> {
    const row = await reader.get(byCustomer, { generation, customerId });
    return row && toOverview(row, await asOf(reader, generation));
  },
  /** In the order of the customers' ids. */
  async list(
    reader: Reader,
    { generation, afterId: after, limit }: { generation: number; afterId: string; limit: number },
  ): Promise<CustomerOverview[]> {
    const times = await asOf(reader, generation);
    return (await reader.all(page, { generation, after, limit })).map((row) => toOverview(row, times));
  },
  /** What a source has told so far of some customers and orders. */
  async known(
    reader: Reader,
    generation: number,
    source: ViewSource,
    { customerIds, orderIds }: Subjects,
  ): Promise<Known> {
    const rows = await reader.all(statementsOf(source).load, { generation, ids: JSON.stringify(customerIds) });
    const orders =
      orderIds.length === 0 ? [] : await reader.all(loadOrders, { generation, ids: JSON.stringify(orderIds) });
    return {
      parts: new Map(
        rows.map(({ customerId, part }) => [customerId, compileDecoder(source.part).decode(part) as Part]),
      ),
      orderStates: new Map(orders.map(({ orderId, state }) => [orderId, state as OrderState])),
    };
  },
  /** Writes what a source has told anew. */
  async put(tx: Tx, generation: number, source: ViewSource, { told, orderStates }: Changes): Promise<void> {
    const { put } = statementsOf(source);
    const encoder = compileEncoder(source.part);
    // In the order of the key, so that a page of the table is touched once in a batch.
    const inOrder = [...told].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [customerId, { part, timeMs }] of inOrder) {
      await tx.run(put, { generation, customerId, part: encoder.encode(part), timeMs });
    }
    for (const [orderId, state] of orderStates) await tx.run(putOrder, { generation, orderId, state });
    const timeMs = Math.max(...[...told.values()].map((each) => each.timeMs));
    await tx.run(putAsOf, { generation, source: source.from, timeMs });
  },
  /** Deletes rows of a generation, at most `rowsMax`; resolves to their number. */
  async drop(tx: Tx, generation: number, rowsMax: number): Promise<number> {
    await tx.run(dropSources, { generation });
    const rows = await tx.run(dropRows, { generation, limit: rowsMax });
    return rows < rowsMax ? rows + (await tx.run(dropOrders, { generation, limit: rowsMax - rows })) : rows;
  },
});

export type ViewStore = ReturnType<typeof viewStore>;

const statementsOf = ({ field }: ViewSource) => {
  const statements = ofSource.get(field);
  if (statements === undefined) throw new TypeError(`no columns hold ${field}`);
  return statements;
};

const toOverview = (row: Row, times: AsOf): CustomerOverview => {
  const known: KnownParts = new Map(
    SOURCES.flatMap(({ field, part }) => {
      const column = COLUMNS[field];
      const bytes = row[column];
      const timeMs = row[`${column}_time_ms`];
      return bytes === null || timeMs === null
        ? []
        : [[field, { part: compileDecoder(part).decode(bytes) as Part, timeMs }]];
    }),
  );
  return overviewOf(row.customer_id, known, times);
};
