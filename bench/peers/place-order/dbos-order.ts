// The order service on DBOS: a placement is a workflow whose steps DBOS keeps in PostgreSQL, where the orders are too.
// Arguments: the URL of a PostgreSQL database, the addresses of the side services.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DBOS } from "@dbos-inc/dbos-sdk";
import { Pool } from "pg";
import { announce } from "../announce.ts";
import { askingAt, CHECKS, type OrderRequest, type PlacedOrder } from "./flow.ts";

const [databaseUrl = "", ...addresses] = process.argv.slice(2);
const ask = askingAt(addresses);
const pool = new Pool({ connectionString: databaseUrl, max: 10 });
await pool.query(`
  CREATE TABLE orders (id text PRIMARY KEY, customer_id text NOT NULL, amount bigint NOT NULL, state text NOT NULL, reason text, authorization_id text)`);

const insert = ({ orderId, customerId, amount }: OrderRequest) =>
  pool.query({
    name: "insert",
    text: "INSERT INTO orders (id, customer_id, amount, state) VALUES ($1, $2, $3, 'pending') ON CONFLICT DO NOTHING",
    values: [orderId, customerId, amount],
  });
const update = ({ orderId, state, reason, authorizationId }: PlacedOrder) =>
  pool.query({
    name: "update",
    text: "UPDATE orders SET state = $2, reason = $3, authorization_id = $4 WHERE id = $1",
    values: [orderId, state, reason, authorizationId],
  });

/** Places an order, once per workflow id. Nothing follows the authorization that could fail, so nothing is compensated. */
const placeOrder = DBOS.registerWorkflow(
  async (request: OrderRequest): Promise<PlacedOrder> => {
    const settle = async (order: PlacedOrder): Promise<PlacedOrder> => {
      await DBOS.runStep(async () => void (await update(order)), { name: "settle" });
      return order;
    };
    await DBOS.runStep(async () => void (await insert(request)), { name: "insert" });
    for (const check of CHECKS) {
      const { refusal } = await DBOS.runStep(() => ask(check, request), { name: check });
      if (refusal !== undefined) return settle({ ...request, state: "rejected", reason: refusal });
    }
    const { refusal, authorizationId } = await DBOS.runStep(() => ask("billing", request), { name: "authorize" });
    if (refusal !== undefined) return settle({ ...request, state: "rejected", reason: refusal });
    return settle({ ...request, state: "confirmed", ...(authorizationId !== undefined && { authorizationId }) });
  },
  { name: "placeOrder" },
);

DBOS.setConfig({ name: "orders", systemDatabaseUrl: databaseUrl, logLevel: "error", enableOTLP: false });
await DBOS.launch();

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", async () => {
    const order = JSON.parse(body) as OrderRequest;
    const handle = await DBOS.startWorkflow(placeOrder, { workflowID: order.orderId })(order);
    const text = JSON.stringify(await handle.getResult());
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  });
});
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
