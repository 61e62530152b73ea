// A service that the peers' orders ask: "customer", "socialsecurity", "creditscore" or "billing", with data of its own on the disk.
// Arguments: which one, its database, how many customers. HTTP and JSON, and no more around it than the flow needs.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Database from "better-sqlite3";
import { announce } from "../announce.ts";
import type { Answer, OrderRequest } from "./flow.ts";

const [name = "", file = "", customers = ""] = process.argv.slice(2);
const database = new Database(file);
database.pragma("journal_mode = WAL");
// As ours: what was answered is on the disk.
database.pragma("synchronous = FULL");

type Answering = (request: OrderRequest) => Promise<Answer> | Answer;

/** A table with one row per customer, and the question whether what it says is good enough. */
const checking = (column: string, value: number): Answering => {
  database.exec(
    `CREATE TABLE facts (customer_id TEXT NOT NULL PRIMARY KEY, ${column} INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  );
  const insert = database.prepare(`INSERT INTO facts (customer_id, ${column}) VALUES (:customerId, :value)`);
  forEachCustomer((customerId) => insert.run({ customerId, value }));
  const select = database.prepare(`SELECT ${column} FROM facts WHERE customer_id = :customerId`).pluck();
  return ({ customerId }) => {
    const found = select.get({ customerId }) as number | undefined;
    return found === undefined || found < value ? { refusal: `${name} says no` } : {};
  };
};

/**
 * Holds an amount against a customer's credit line, once per order however often it is asked. All requests of one turn of the
 * event loop share one commit.
 */
const authorizing = (): Answering => {
  database.exec(`
    CREATE TABLE accounts (customer_id TEXT NOT NULL PRIMARY KEY, credit_limit INTEGER NOT NULL, held INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE authorizations (order_id TEXT NOT NULL PRIMARY KEY, customer_id TEXT NOT NULL, amount INTEGER NOT NULL) STRICT, WITHOUT ROWID;`);
  const open = database.prepare(
    "INSERT INTO accounts (customer_id, credit_limit, held) VALUES (:customerId, 1000000000000000, 0)",
  );
  forEachCustomer((customerId) => open.run({ customerId }));
  const find = database.prepare("SELECT 1 FROM authorizations WHERE order_id = :orderId");
  const hold = database.prepare(
    "UPDATE accounts SET held = held + :amount WHERE customer_id = :customerId AND held + :amount <= credit_limit",
  );
  const insert = database.prepare(
    "INSERT INTO authorizations (order_id, customer_id, amount) VALUES (:orderId, :customerId, :amount)",
  );
  const authorize = ({ orderId, customerId, amount }: OrderRequest): Answer => {
    if (find.get({ orderId }) !== undefined) return { authorizationId: `aut_${orderId}` };
    if (hold.run({ customerId, amount }).changes === 0) return { refusal: "the credit limit would be exceeded" };
    insert.run({ orderId, customerId, amount });
    return { authorizationId: `aut_${orderId}` };
  };
  let waiting: { request: OrderRequest; resolve: (answer: Answer) => void }[] = [];
  const commitAll = database.transaction((batch: typeof waiting) => batch.map(({ request }) => authorize(request)));
  const answerAll = () => {
    const batch = waiting;
    waiting = [];
    const answers = commitAll.immediate(batch);
    for (const [at, { resolve }] of batch.entries()) resolve(answers[at] ?? {});
  };
  return (request) =>
    new Promise((resolve) => {
      if (waiting.push({ request, resolve }) === 1) setImmediate(answerAll);
    });
};

function forEachCustomer(work: (customerId: string) => void): void {
  database.transaction(() => {
    for (let number = 1; number <= Number(customers); number++) work(`cus_${number}`);
  })();
}

const KINDS: Readonly<Record<string, () => Answering>> = {
  customer: () => checking("active", 1),
  socialsecurity: () => checking("verified", 1),
  creditscore: () => checking("score", 500),
  billing: authorizing,
};
const answer = KINDS[name]?.();
if (answer === undefined) throw new Error(`${name} is no side service: ${Object.keys(KINDS).join(", ")}`);

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", async () => {
    const text = JSON.stringify(await answer(JSON.parse(body) as OrderRequest));
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  });
});
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
