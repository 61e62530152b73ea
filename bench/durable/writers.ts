import { join } from "node:path";
import { systemRuntime } from "@heddle/mesh/runtime";
import { openStore, sql } from "@heddle/mesh/store";
import Database from "better-sqlite3";
import pg from "pg";

/** What each contestant does: one order and one line of it, durable when `write` resolves, and a read by key. */
export interface Writer {
  write(id: string): Promise<unknown>;
  read(id: string): Promise<unknown>;
}

const CUSTOMER = "cus_01jd7zv3k5";
const LINE = Buffer.alloc(100, "x");
const MIGRATIONS = new URL("./migrations/", import.meta.url);

const insertOrder = sql<{ id: string; customer: string; amount: number }>(
  "INSERT INTO orders (id, customer, amount) VALUES (:id, :customer, :amount)",
);
const insertLine = sql<{ id: string; line: Uint8Array }>("INSERT INTO lines (order_id, line) VALUES (:id, :line)");
const orderById = sql<{ id: string }, { amount: number }>("SELECT amount FROM orders WHERE id = :id");

/** Heddle's store. */
const heddle = async (folder: string): Promise<Writer> => {
  const store = await openStore({
    path: join(folder, "heddle.db"),
    name: "bench",
    migrations: MIGRATIONS,
    runtime: systemRuntime(),
    onFatal: (error) => {
      throw error;
    },
  });
  return {
    write: (id) =>
      store.write(async (tx) => {
        await tx.run(insertOrder, { id, customer: CUSTOMER, amount: 5 });
        await tx.run(insertLine, { id, line: LINE });
      }),
    read: (id) => store.read((reader) => reader.get(orderById, { id })),
  };
};

/** better-sqlite3 as its documentation has it, with a commit that is on the disk for each request. */
const sqlite = async (folder: string): Promise<Writer> => {
  // Its tables are those of the other one, whose file is left alone from here on.
  await heddle(folder);
  const database = new Database(join(folder, "heddle.db"));
  database.pragma("synchronous = FULL");
  const order = database.prepare(insertOrder.text);
  const line = database.prepare(insertLine.text);
  const byId = database.prepare(orderById.text);
  const write = database.transaction((id: string) => {
    order.run({ id, customer: CUSTOMER, amount: 5 });
    line.run({ id, line: LINE });
  });
  return {
    async write(id) {
      write(id);
      // Sockets are served between two requests, as they would be by a server.
      await new Promise(setImmediate);
    },
    read: async (id) => byId.get({ id }),
  };
};

/** PostgreSQL on a Unix socket, a connection for each request in flight, both inserts in one prepared statement: one round trip. */
const postgresql = async (folder: string): Promise<Writer> => {
  const pool = new pg.Pool({ host: folder, database: "postgres", user: "bench", max: 256 });
  await pool.query(`CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, customer TEXT NOT NULL, amount BIGINT NOT NULL);
    CREATE TABLE IF NOT EXISTS lines (sequence BIGSERIAL PRIMARY KEY, order_id TEXT NOT NULL, line BYTEA NOT NULL)`);
  const insert = `WITH placed AS (INSERT INTO orders (id, customer, amount) VALUES ($1, $2, $3) RETURNING id)
    INSERT INTO lines (order_id, line) SELECT id, $4 FROM placed`;
  return {
    write: (id) => pool.query({ name: "insert", text: insert, values: [id, CUSTOMER, 5, LINE] }),
    read: (id) => pool.query({ name: "read", text: "SELECT amount FROM orders WHERE id = $1", values: [id] }),
  };
};

export const WRITERS = { heddle, sqlite, postgresql } as const;
export type WriterName = keyof typeof WRITERS;
