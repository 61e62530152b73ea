import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Runtime, systemRuntime } from "../runtime/index.ts";
import { eventsAfter, type StoredEvent } from "./events.ts";
import { openStore } from "./open-store.ts";
import type { SqliteStore } from "./sqlite-store.ts";

export interface TestStore extends SqliteStore {
  /** All that was published, in order. */
  events(): Promise<StoredEvent[]>;
}

/**
 * A store for one test, migrated and empty, in a temporary folder that `close` removes.
 *
 * @example
 * const store = await openTestStore(new URL("./migrations/", import.meta.url));
 * onTestFinished(() => store.close());
 */
export const openTestStore = async (migrations: URL, runtime: Runtime = systemRuntime()): Promise<TestStore> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-store-"));
  const store = await openStore({ path: join(folder, "test.db"), name: "test", migrations, runtime });
  const close = store.close.bind(store);
  return Object.assign(store, {
    events: () => store.read((reader) => eventsAfter(reader, 0n)),
    close: async () => {
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  });
};
