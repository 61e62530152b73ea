// The same order by HTTP and JSON. Arguments: the address, the path with ORDER where the order's id goes, how many customers.
import { randomUUID } from "node:crypto";
import { type OrderRequest, type PlacedOrder, post } from "../peers/place-order/flow.ts";
import { ORDERS_IN_FLIGHT, serveCalls } from "./serve-calls.ts";

const [address = "", path = "", customers = ""] = process.argv.slice(2);
let placed = 0;
serveCalls(
  async () => {
    const orderId = randomUUID();
    const customerId = `cus_${1 + (placed++ % Number(customers))}`;
    const request: OrderRequest = { orderId, customerId, amount: 100 };
    const order = await post<PlacedOrder>(address, path.replace("ORDER", orderId), request);
    if (order.state !== "confirmed") throw new Error(`an order was not confirmed: ${JSON.stringify(order)}`);
  },
  { inFlight: ORDERS_IN_FLIGHT },
);
