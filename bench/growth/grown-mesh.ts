import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { confirmed, ORDER_LINES, startOrderMesh } from "../order-mesh.ts";
import { type Copies, copyRows } from "./copy-rows.ts";
import { idInSql, ROWS_PER_OWN_ROW } from "./keys.ts";

export const GROWN_SERVICES = ["customer", "order", "billing"] as const;
export type GrownService = (typeof GROWN_SERVICES)[number];

/** Databases of the services with one customer, one order of it, and the two entries of its bill, all written by the services. */
export interface Seed {
  readonly customerId: string;
  readonly accountId: string;
  /** Makes the database of one service in `folder`, with so many rows. */
  grow(service: GrownService, folder: string, rows: number): void;
  remove(): void;
}

export const plantSeed = async (): Promise<Seed> => {
  const mesh = await startOrderMesh();
  try {
    const customerId = await mesh.createBuyer(1);
    const { id: orderId } = confirmed((await mesh.orders.placeOrder({ customerId, lines: ORDER_LINES })).order);
    await mesh.orders.fulfilOrder({ orderId });
    await mesh.stop();
    const fileOf = (service: GrownService) => join(mesh.folder, service, `${service}.db`);
    const accountId = readOne(fileOf("billing"), "SELECT id FROM accounts");
    return {
      customerId,
      accountId,
      grow(service, folder, rows) {
        mkdirSync(join(folder, service), { recursive: true, mode: 0o700 });
        const file = join(folder, service, `${service}.db`);
        cpSync(fileOf(service), file);
        copyRows(file, FILLINGS[service](rows, { customerId, accountId }));
      },
      remove: mesh.remove,
    };
  } catch (error) {
    await mesh.stop();
    mesh.remove();
    throw error;
  }
};

const readOne = (file: string, query: string): string => {
  const database = new Database(file, { readonly: true });
  try {
    return String(database.prepare(query).pluck().get());
  } finally {
    database.close();
  }
};

type Owner = { readonly customerId: string; readonly accountId: string };

/** Whose copy `i` is: the owner's, or one of many others'. */
const ownedBy = (owner: string, prefix: string): string =>
  `CASE WHEN i % ${ROWS_PER_OWN_ROW} = 0 THEN '${owner}' ELSE ${idInSql(prefix, `1 + i / ${ROWS_PER_OWN_ROW}`)} END`;

const FILLINGS: Readonly<Record<GrownService, (rows: number, owner: Owner) => Copies[]>> = {
  customer: (rows) => [
    {
      table: "customers",
      times: rows,
      of: "1",
      but: {
        id: idInSql("cus", "i"),
        email: "printf('c%d@example.com', i)",
        email_folded: "printf('c%d@example.com', i)",
      },
    },
  ],
  order: (rows, { customerId }) => [
    {
      table: "orders",
      times: rows,
      of: "1",
      but: {
        id: idInSql("ord", "i"),
        customer_id: ownedBy(customerId, "cus"),
        request_id: "NULL",
        request_hash: "NULL",
      },
    },
  ],
  billing: (rows, { accountId }): Copies[] => [
    {
      table: "accounts",
      times: 1 + rows / 2 / ROWS_PER_OWN_ROW,
      of: "1",
      but: { id: idInSql("acc", "i"), customer_id: idInSql("cus", "i") },
    },
    {
      table: "ledger_transactions",
      times: rows / 2,
      of: "1",
      but: { id: idInSql("txn", "i"), account_id: ownedBy(accountId, "acc") },
    },
    {
      table: "ledger_entries",
      // A debit and a credit each, numbered after those that are copied.
      times: rows / 2,
      of: "1",
      but: {
        sequence: "2 * i + t.sequence",
        id: idInSql("ent", "2 * i + t.sequence"),
        transaction_id: idInSql("txn", "i"),
        account_id: ownedBy(accountId, "acc"),
      },
    },
  ],
};
