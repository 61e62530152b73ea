import { ListOrderTransitionsRequestSchema, type OrderService } from "@heddle/contracts/order/v1";
import { fail, nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { ORDER_NOT_FOUND } from "../errors.ts";
import type { Deps } from "./deps.ts";

const PAGE_SIZES = { defaultSize: 50, maxSize: 500 } as const;

/** Lists the history of an order, oldest first. */
export const listOrderTransitions =
  ({ orders, store }: Pick<Deps, "orders" | "store">): Handler<typeof OrderService.method.listOrderTransitions> =>
  async (request) => {
    const { size, after } = pageOf(ListOrderTransitionsRequestSchema, request, PAGE_SIZES);
    const { orderId } = request;
    const rows = await store.read(async (reader) => {
      if ((await orders.find(reader, orderId)) === undefined) throw fail(ORDER_NOT_FOUND, { orderId });
      return orders.listTransitions(reader, orderId, BigInt(after?.[0] ?? 0), size + 1);
    });
    const { items, last } = takePage(rows, size);
    const token = last && nextPageToken(ListOrderTransitionsRequestSchema, request, [String(last.sequence)]);
    return { transitions: items, nextPageToken: token ?? "" };
  };
