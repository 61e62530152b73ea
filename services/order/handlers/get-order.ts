import type { OrderService } from "@heddle/contracts/order/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { ORDER_NOT_FOUND } from "../errors.ts";
import type { Deps } from "./deps.ts";

/** Returns one order. */
export const getOrder =
  ({ orders, store }: Pick<Deps, "orders" | "store">): Handler<typeof OrderService.method.getOrder> =>
  async ({ orderId }) => {
    const order = await store.read((reader) => orders.find(reader, orderId));
    if (order === undefined) throw fail(ORDER_NOT_FOUND, { orderId });
    return { order };
  };
