import { toBinary } from "@bufbuild/protobuf";
import { ListOrdersRequestSchema, type Order, OrderSchema, type OrderService } from "@heddle/contracts/order/v1";
import { nextPageToken, pageOf } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Deps } from "./deps.ts";

const PAGE_SIZES = { defaultSize: 50, maxSize: 500 } as const;

/** Bytes of a page's orders: a page of long orders ends early, so that its reply fits a message, as JSON too. */
const PAGE_BYTES_MAX = 512 * 1024;

/** Lists orders, latest first. */
export const listOrders =
  ({ orders, store }: Pick<Deps, "orders" | "store">): Handler<typeof OrderService.method.listOrders> =>
  async (request) => {
    const { size, after } = pageOf(ListOrdersRequestSchema, request, PAGE_SIZES);
    const { customerId, states } = request;
    const rows = await store.read((reader) =>
      orders.list(reader, { customerId, states, beforeId: after?.[0], limit: size + 1 }),
    );
    const page = fitting(rows.slice(0, size));
    const last = rows.length > page.length ? page.at(-1) : undefined;
    return { orders: page, nextPageToken: last ? nextPageToken(ListOrdersRequestSchema, request, [last.id]) : "" };
  };

/** As many orders as fit, one at least. */
const fitting = (orders: readonly Order[]): Order[] => {
  let bytes = 0;
  const end = orders.findIndex((order, index) => {
    bytes += toBinary(OrderSchema, order).length;
    return bytes > PAGE_BYTES_MAX && index > 0;
  });
  return end < 0 ? [...orders] : orders.slice(0, end);
};
