// The order service on Restate: an order is a virtual object, its placement a handler whose steps Restate keeps.
// Arguments: the addresses of the side services.
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { createEndpointHandler, type ObjectContext, object } from "@restatedev/restate-sdk";
import { announce } from "../announce.ts";
import { askingAt, CHECKS, type OrderRequest, type PlacedOrder } from "./flow.ts";

const ask = askingAt(process.argv.slice(2));

/** Places the order of the object's key, once. Nothing follows the authorization that could fail, so nothing is compensated. */
const place = async (ctx: ObjectContext, request: OrderRequest): Promise<PlacedOrder> => {
  const known = await ctx.get<PlacedOrder>("order");
  if (known !== null && known.state !== "pending") return known;
  const settle = (order: PlacedOrder): PlacedOrder => {
    ctx.set("order", order);
    return order;
  };
  settle({ ...request, state: "pending" });
  for (const check of CHECKS) {
    const { refusal } = await ctx.run(check, () => ask(check, request));
    if (refusal !== undefined) return settle({ ...request, state: "rejected", reason: refusal });
  }
  const { refusal, authorizationId } = await ctx.run("authorize", () => ask("billing", request));
  if (refusal !== undefined) return settle({ ...request, state: "rejected", reason: refusal });
  return settle({ ...request, state: "confirmed", ...(authorizationId !== undefined && { authorizationId }) });
};

const order = object({ name: "order", handlers: { place } });
const server = createServer(createEndpointHandler({ services: [order], logger: () => undefined }));
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
