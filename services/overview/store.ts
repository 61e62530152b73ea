import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { OrderState } from "@heddle/contracts/order/v1";
import { type CustomerOverview, CustomerOverviewSchema } from "@heddle/contracts/overview/v1";
import { type Reader, sql, type Tx } from "@heddle/mesh/store";
import { applyToView, emptyView, type ViewEvent } from "./view.ts";
import { effectOf } from "./view-effects.ts";

type Row = { overview: Uint8Array };

const byCustomer = sql<{ customerId: string }, Row>("SELECT overview FROM overviews WHERE customer_id = :customerId");

const page = sql<{ after: string; limit: number }, Row>(
  "SELECT overview FROM overviews WHERE customer_id > :after ORDER BY customer_id LIMIT :limit",
);

const putRow = sql<{ customerId: string; overview: Uint8Array }>(`
  INSERT INTO overviews (customer_id, overview) VALUES (:customerId, :overview)
  ON CONFLICT (customer_id) DO UPDATE SET overview = excluded.overview`);

const orderById = sql<{ orderId: string }, { state: number }>(
  "SELECT state FROM overview_orders WHERE order_id = :orderId",
);

const putOrder = sql<{ orderId: string; state: number }>(`
  INSERT INTO overview_orders (order_id, state) VALUES (:orderId, :state)
  ON CONFLICT (order_id) DO UPDATE SET state = excluded.state`);

/** The views, as rows and back. */
export const viewStore = () => {
  const find = async (reader: Reader, customerId: string): Promise<CustomerOverview | undefined> => {
    const row = await reader.get(byCustomer, { customerId });
    return row && toOverview(row);
  };
  return {
    find,
    /** In the order of the customers' ids. */
    async list(
      reader: Reader,
      list: { readonly afterId: string; readonly limit: number },
    ): Promise<CustomerOverview[]> {
      const rows = await reader.all(page, { after: list.afterId, limit: list.limit });
      return rows.map(toOverview);
    },
    /** Applies an event to the view of its customer. To be called once per event, in the transaction that says so. */
    async apply(tx: Tx, event: ViewEvent): Promise<void> {
      const { customerId, orderId } = effectOf(event.payload, event.createTime);
      const known = orderId === undefined ? undefined : await tx.get(orderById, { orderId });
      const overview = (await find(tx, customerId)) ?? emptyView(customerId).overview;
      const next = applyToView({ overview, orderStates: statesOf(orderId, known) }, event);
      await tx.run(putRow, { customerId, overview: toBinary(CustomerOverviewSchema, next.overview) });
      for (const [id, state] of next.orderStates) await tx.run(putOrder, { orderId: id, state });
    },
  };
};

export type ViewStore = ReturnType<typeof viewStore>;

const statesOf = (orderId: string | undefined, known: { state: number } | undefined): ReadonlyMap<string, OrderState> =>
  new Map(orderId === undefined || known === undefined ? [] : [[orderId, known.state]]);

const toOverview = ({ overview }: Row): CustomerOverview => fromBinary(CustomerOverviewSchema, overview);
