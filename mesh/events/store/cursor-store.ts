import { type NoParams, type Reader, sql, type Tx } from "../../store/index.ts";

/** Whose cursor: a view's generation, or the handlers' ("" and 0). */
export interface CursorOwner {
  readonly view: string;
  readonly generation: number;
  readonly source: string;
}

/** Handlers first, then views by name and generation, each by source. */
export const compareOwners = (a: CursorOwner, b: CursorOwner): number =>
  compareText(a.view, b.view) || a.generation - b.generation || compareText(a.source, b.source);

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** How far one subscription has come. */
export interface Cursor extends CursorOwner {
  readonly subscriptionId: bigint;
  readonly sequence: bigint;
  readonly fingerprint: Uint8Array | null;
  /** The types that were ever asked for. */
  readonly types: readonly string[];
}

interface Row {
  readonly subscriptionId: bigint;
  readonly view: string;
  readonly generation: bigint;
  readonly source: string;
  readonly sequence: bigint;
  readonly fingerprint: Uint8Array | null;
  readonly types: string;
}

const COLUMNS = "subscription_id AS subscriptionId, view, generation, source, sequence, fingerprint, types";

const byOwner = sql<{ view: string; generation: number; source: string }, Row>(
  `SELECT ${COLUMNS} FROM heddle_subscriptions WHERE view = :view AND generation = :generation AND source = :source`,
  { bigints: true },
);

const all = sql<NoParams, Row>(`SELECT ${COLUMNS} FROM heddle_subscriptions`, { bigints: true });

const insert = sql<{ view: string; generation: number; source: string; types: string }>(
  `INSERT INTO heddle_subscriptions (view, generation, source, sequence, types)
   VALUES (:view, :generation, :source, 0, :types)`,
);

const putTypes = sql<{ subscriptionId: bigint; types: string }>(
  "UPDATE heddle_subscriptions SET types = :types WHERE subscription_id = :subscriptionId",
);

const advance = sql<{ subscriptionId: bigint; from: bigint; to: bigint; fingerprint: Uint8Array | null }>(
  `UPDATE heddle_subscriptions SET sequence = :to, fingerprint = :fingerprint
   WHERE subscription_id = :subscriptionId AND sequence = :from`,
);

const set = sql<{ subscriptionId: bigint; sequence: bigint }>(
  "UPDATE heddle_subscriptions SET sequence = :sequence, fingerprint = NULL WHERE subscription_id = :subscriptionId",
);

const exists = sql<{ subscriptionId: bigint }, { found: number }>(
  "SELECT 1 AS found FROM heddle_subscriptions WHERE subscription_id = :subscriptionId",
);

const deleteGeneration = sql<{ view: string; generation: number }>(
  "DELETE FROM heddle_subscriptions WHERE view = :view AND generation = :generation",
);

export const cursorOf = async (
  reader: Reader,
  { view, generation, source }: CursorOwner,
): Promise<Cursor | undefined> => {
  const row = await reader.get(byOwner, { view, generation, source });
  return row && toCursor(row);
};

export const allCursors = async (reader: Reader): Promise<Cursor[]> => (await reader.all(all, {})).map(toCursor);

/** A cursor before the first event. */
export const createCursor = async (tx: Tx, owner: CursorOwner, types: readonly string[]): Promise<void> => {
  const { view, generation, source } = owner;
  await tx.run(insert, { view, generation, source, types: JSON.stringify(types) });
};

/** Remembers that these types are asked for. */
export const rememberTypes = async (tx: Tx, subscriptionId: bigint, types: readonly string[]): Promise<void> => {
  await tx.run(putTypes, { subscriptionId, types: JSON.stringify(types) });
};

/** Moves a cursor; false when it was elsewhere, or is gone. */
export const advanceCursor = async (
  tx: Tx,
  move: { subscriptionId: bigint; from: bigint; to: bigint; fingerprint: Uint8Array | null },
): Promise<boolean> => (await tx.run(advance, move)) === 1;

/** Puts a cursor where an operator wants it. */
export const setCursor = async (tx: Tx, subscriptionId: bigint, sequence: bigint): Promise<void> => {
  await tx.run(set, { subscriptionId, sequence });
};

export const cursorExists = async (reader: Reader, subscriptionId: bigint): Promise<boolean> =>
  (await reader.get(exists, { subscriptionId })) !== undefined;

/** Ends the subscriptions of a generation: whoever still applies for it finds no cursor. */
export const deleteCursors = async (tx: Tx, view: string, generation: number): Promise<void> => {
  await tx.run(deleteGeneration, { view, generation });
};

const toCursor = ({ generation, types, ...row }: Row): Cursor => ({
  ...row,
  generation: Number(generation),
  types: JSON.parse(types) as string[],
});
