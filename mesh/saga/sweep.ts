import type { Logger } from "../observe/index.ts";
import type { Clock, Timers } from "../runtime/index.ts";
import type { Store } from "../store/store.ts";
import { SAGA_KEPT_MS, SWEEP_PERIOD_MS, SWEEP_ROWS } from "./limits.ts";
import { sagaStore } from "./store.ts";

/** A sweep that runs now and then until it is stopped. */
export interface Sweep {
  /** Ends it; resolves when what it was doing is done. */
  stop(): Promise<void>;
}

/** Deletes sagas that ended more than SAGA_KEPT_MS ago: now, and every SWEEP_PERIOD_MS. What is under way or parked stays. */
export const startSweep = (deps: { store: Store; clock: Clock; timers: Timers; log: Logger }): Sweep => {
  const stop = new AbortController();
  let sweeping: Promise<void> | undefined;
  const sweep = () => {
    sweeping ??= sweepEnded(deps.store, deps.clock.nowMs(), stop.signal)
      .catch((error: unknown) => deps.log.warn({ err: error }, "sagas that ended long ago were not deleted"))
      .finally(() => {
        sweeping = undefined;
      });
  };
  const timer = deps.timers.every(SWEEP_PERIOD_MS, sweep);
  sweep();
  return {
    async stop() {
      stop.abort();
      timer.cancel();
      await sweeping;
    },
  };
};

/** Deletes those that are kept no longer at `nowMs`, oldest first and a few per transaction, until there are no more or `stop` aborts. */
export const sweepEnded = async (store: Store, nowMs: number, stop?: AbortSignal): Promise<void> => {
  const beforeMs = nowMs - SAGA_KEPT_MS;
  for (let afterId = ""; stop?.aborted !== true; ) {
    const oldest = await store.read((reader) => sagaStore.listOldest(reader, afterId, SWEEP_ROWS));
    const over = oldest.filter(({ endMs }) => endMs !== null && endMs < beforeMs).map(({ id }) => id);
    if (over.length > 0) await store.write((tx) => sagaStore.deleteEnded(tx, over), { reply: "later" });
    const last = oldest.at(-1);
    // Ids sort by creation: all further ones are younger still.
    if (last === undefined || oldest.length < SWEEP_ROWS || last.createMs >= beforeMs) return;
    afterId = last.id;
  }
};
