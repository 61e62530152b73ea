import type { Logger } from "@heddle/mesh/observe";
import type { Store } from "@heddle/mesh/store";
import { PREVIOUS_WRAPPING_KEY } from "./key-ring.ts";
import type { RecordStore } from "./store.ts";
import type { Vault } from "./vault.ts";

/** Records of one transaction: calls wait for the writer no longer than a few milliseconds. */
export const REWRAP_RECORDS_MAX = 100;

export interface RewrapDeps {
  readonly records: RecordStore;
  readonly vault: Vault;
  readonly store: Store;
  readonly log: Logger;
}

/** A move of numbers to the current wrapping key that goes on beside the calls. */
export interface Rewrapping {
  /** Ends it after its current batch; the next start goes on with what is left. */
  stop(): Promise<void>;
}

/** Starts to put every number that is under the key `previousKeyId` under the current one, in small transactions. */
export const startRewrapping = (deps: RewrapDeps, previousKeyId: string): Rewrapping => {
  let stopped = false;
  const done = rewrapAll(deps, previousKeyId, () => stopped).catch((error: unknown) => {
    deps.log.error({ err: error }, "moving numbers to the new wrapping key failed; the next start goes on with it");
  });
  return {
    stop() {
      stopped = true;
      return done;
    },
  };
};

const rewrapAll = async ({ records, vault, store, log }: RewrapDeps, keyId: string, stopped: () => boolean) => {
  let moved = 0;
  let failed = 0;
  for (let after: string | undefined = ""; after !== undefined; ) {
    if (stopped()) return;
    const page = { keyId, after, limit: REWRAP_RECORDS_MAX };
    // It may be run twice, and tells what it did only by what it returns.
    const done = await store.write(async (tx) => {
      const batch = await records.listUnderKey(tx, page);
      const damaged: { readonly recordId: string; readonly error: unknown }[] = [];
      for (const record of batch) {
        try {
          await records.rewrap(tx, { ...record, sealed: vault.rewrap(record.sealed, record) });
        } catch (error) {
          // One that was damaged must not keep the others from the new key.
          damaged.push({ recordId: record.id, error });
        }
      }
      return { last: batch.at(-1)?.id, moved: batch.length - damaged.length, damaged };
    });
    after = done.last;
    moved += done.moved;
    failed += done.damaged.length;
    for (const { recordId, error } of done.damaged)
      log.error({ err: error, recordId }, "a number could not be moved to the new wrapping key");
  }
  if (failed > 0) log.error({ moved, failed }, `${PREVIOUS_WRAPPING_KEY} is still needed`);
  else log.info({ moved }, `every number is under the new wrapping key; ${PREVIOUS_WRAPPING_KEY} can be removed`);
};
