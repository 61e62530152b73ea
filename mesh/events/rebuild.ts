import { fail } from "../contract/fail.ts";
import type { Tx } from "../store/index.ts";
import type { Store } from "../store/store.ts";
import { REBUILD_RUNNING } from "./errors.ts";
import { DROP_ROWS_MAX } from "./limits.ts";
import { allCursors, createCursor, deleteCursors } from "./store/cursor-store.ts";
import { allGenerations, createGeneration, deleteGeneration, setGenerationState } from "./store/generation-store.ts";
import { countInbox, deleteOrphans } from "./store/inbox-store.ts";
import type { View } from "./subscription.ts";

/**
 * Begins a new generation of a view, from the first event of every source; resolves to its number.
 *
 * @throws FAILED_PRECONDITION `REBUILD_RUNNING` while another is built, or the one before is still deleted.
 */
export const beginRebuild = async (tx: Tx, view: View, nowMs: number): Promise<number> => {
  const found = (await allGenerations(tx)).filter((generation) => generation.view === view.name);
  const other = found.find(({ state }) => state !== "serving");
  if (other !== undefined) {
    const doing = other.state === "building" ? "being built" : "still being deleted";
    throw fail(REBUILD_RUNNING, { view: view.name, generation: other.generation, doing });
  }
  const generation = Math.max(0, ...found.map((each) => each.generation)) + 1;
  await createGeneration(tx, view.name, generation, "building", nowMs);
  for (const { from, events } of view.sources) {
    const owner = { view: view.name, generation, source: from };
    await createCursor(
      tx,
      owner,
      events.map(({ typeName }) => typeName),
    );
  }
  return generation;
};

/**
 * Puts a generation in force and its predecessor out of it, unless readers would go back by it, or some of its events wait for their
 * effect; resolves to whether it did.
 * `positions`: by source, what the generation has dealt with; without sources whose feed the predecessor follows no more, because it
 * diverged: there the generation is what is true, however far the predecessor had come.
 */
export const putInForce = async (
  tx: Tx,
  view: string,
  generation: number,
  positions: ReadonlyMap<string, bigint>,
): Promise<boolean> => {
  const found = (await allGenerations(tx)).filter((each) => each.view === view);
  if (found.find((each) => each.generation === generation)?.state !== "building") return false;
  const cursors = (await allCursors(tx)).filter((each) => each.view === view);
  for (const own of cursors.filter((each) => each.generation === generation)) {
    if ((await countInbox(tx, own.subscriptionId)).waiting > 0) return false;
  }
  const before = found.find(({ state }) => state === "serving");
  if (before !== undefined) {
    const others = cursors.filter((each) => each.generation === before.generation);
    if (others.some(({ source, sequence }) => sequence > (positions.get(source) ?? sequence))) return false;
    await deleteCursors(tx, view, before.generation);
    await setGenerationState(tx, view, before.generation, "dropping");
  }
  await setGenerationState(tx, view, generation, "serving");
  return true;
};

/** Deletes what is left of a generation, little by little, so that others get their turn. Goes on where a stop interrupted it. */
export const dropGeneration = async (
  store: Store,
  view: View,
  generation: number,
  signal: AbortSignal,
): Promise<void> => {
  for (const some of [
    (tx: Tx) => view.drop(tx, generation, DROP_ROWS_MAX),
    (tx: Tx) => deleteOrphans(tx, DROP_ROWS_MAX),
  ]) {
    let deleted: number;
    do {
      if (signal.aborted) return;
      deleted = await store.write(some);
    } while (deleted > 0);
  }
  await store.write((tx) => deleteGeneration(tx, view.name, generation));
};
