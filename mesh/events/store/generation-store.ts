import { type NoParams, type Reader, sql, type Tx } from "../../store/index.ts";

export type GenerationState = "building" | "serving" | "dropping";

/** One generation of a view. */
export interface Generation {
  readonly view: string;
  readonly generation: number;
  readonly state: GenerationState;
  readonly createTimeMs: number;
}

const COLUMNS = "view, generation, state, create_time_ms AS createTimeMs";

const serving = sql<{ view: string }, { generation: number }>(
  "SELECT generation FROM heddle_view_generations WHERE view = :view AND state = 'serving'",
);

const all = sql<NoParams, Generation>(`SELECT ${COLUMNS} FROM heddle_view_generations ORDER BY view, generation`);

const insert = sql<{ view: string; generation: number; state: string; nowMs: number }>(
  `INSERT INTO heddle_view_generations (view, generation, state, create_time_ms)
   VALUES (:view, :generation, :state, :nowMs)`,
);

const update = sql<{ view: string; generation: number; state: string }>(
  "UPDATE heddle_view_generations SET state = :state WHERE view = :view AND generation = :generation",
);

const remove = sql<{ view: string; generation: number }>(
  "DELETE FROM heddle_view_generations WHERE view = :view AND generation = :generation",
);

/** The generation of a view that is in force, for its readers; 1 before the first event. */
export const viewGeneration = async (reader: Reader, view: string): Promise<number> =>
  (await reader.get(serving, { view }))?.generation ?? 1;

export const allGenerations = (reader: Reader): Promise<Generation[]> => reader.all(all, {});

export const createGeneration = async (
  tx: Tx,
  view: string,
  generation: number,
  state: GenerationState,
  nowMs: number,
): Promise<void> => {
  await tx.run(insert, { view, generation, state, nowMs });
};

export const setGenerationState = async (
  tx: Tx,
  view: string,
  generation: number,
  state: GenerationState,
): Promise<void> => {
  await tx.run(update, { view, generation, state });
};

export const deleteGeneration = async (tx: Tx, view: string, generation: number): Promise<void> => {
  await tx.run(remove, { view, generation });
};
