// PlaceOrder over gRPC by our client, one customer after the other. Arguments: the order service's address, the customers' ids.
import { randomUUID } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { OrderService } from "@heddle/contracts/order/v1";
import { confirmed, ORDER_LINES } from "../order-mesh.ts";
import { openTransport } from "./open-transport.ts";
import { ORDERS_IN_FLIGHT, serveCalls } from "./serve-calls.ts";

const [address = "", ...customerIds] = process.argv.slice(2);
const orders = createClient(OrderService, await openTransport(address));
let placed = 0;
serveCalls(
  async () => {
    const customerId = customerIds[placed++ % customerIds.length] ?? "";
    const { order } = await orders.placeOrder({ customerId, lines: ORDER_LINES, requestId: randomUUID() });
    confirmed(order);
  },
  { inFlight: ORDERS_IN_FLIGHT },
);
