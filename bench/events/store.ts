import type { ReceivedEvent } from "@heddle/mesh/events";
import { type Reader, sql, type Tx } from "@heddle/mesh/store";

interface Total {
  events: number;
  hash: number;
}

const find = sql<{ generation: number; customerId: string }, Total>(
  "SELECT events, hash FROM totals WHERE generation = :generation AND customer_id = :customerId",
);
const put = sql<{ generation: number; customerId: string; events: number; hash: number }>(
  `INSERT INTO totals (generation, customer_id, events, hash) VALUES (:generation, :customerId, :events, :hash)
   ON CONFLICT (generation, customer_id) DO UPDATE SET events = excluded.events, hash = excluded.hash`,
);
const all = sql<{ generation: number }, { customer_id: string } & Total>(
  "SELECT customer_id, events, hash FROM totals WHERE generation = :generation ORDER BY customer_id",
);
const drop = sql<{ generation: number; rowsMax: number }>(
  `DELETE FROM totals WHERE (generation, customer_id) IN
     (SELECT generation, customer_id FROM totals WHERE generation = :generation LIMIT :rowsMax)`,
);

/** Folds a batch: what a customer's row was, all events of the batch, what it is. */
export const foldTotals = async (tx: Tx, generation: number, events: readonly ReceivedEvent[]): Promise<void> => {
  const touched = new Map<string, Total>();
  for (const { key, sequence, message } of events) {
    const known = touched.get(key) ?? (await tx.get(find, { generation, customerId: key })) ?? { events: 0, hash: 0 };
    const name = (message as unknown as { customer?: { givenName?: string } }).customer?.givenName ?? "";
    // Order matters to it, as it does to a real fold.
    const hash = (Math.imul(known.hash, 31) + Number(sequence % 1_000_003n) + name.length) | 0;
    touched.set(key, { events: known.events + 1, hash });
  }
  for (const [customerId, { events: count, hash }] of touched)
    await tx.run(put, { generation, customerId, events: count, hash });
};

export const dropTotals = (tx: Tx, generation: number, rowsMax: number): Promise<number> =>
  tx.run(drop, { generation, rowsMax });

/** Every row of a generation, as one text. */
export const totalsText = async (reader: Reader, generation: number): Promise<string> =>
  (await reader.all(all, { generation })).map((row) => `${row.customer_id} ${row.events} ${row.hash}`).join("\n");
