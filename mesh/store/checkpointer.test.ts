import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import type { CheckpointAnswer, CheckpointMode } from "./checkpoint-thread.ts";
import { Checkpointer, openCheckpointThread } from "./checkpointer.ts";
import type { Connection } from "./connection.ts";
import { insertNote, migrations, noteById } from "./fixtures/notes.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import type { GroupCommit } from "./group-commit.ts";
import { BATCHES_PER_WAL_CHECK, WAL_CHECKPOINT_BYTES, WAL_RESTART_BYTES } from "./limits.ts";
import { openStore } from "./open-store.ts";

const PAGE_BYTES = 4_096;

/** A checkpointer whose log, writes and thread are the test's. */
const start = (
  answers: (mode: CheckpointMode) => CheckpointAnswer | Promise<CheckpointAnswer>,
  walPages = (known: number) => known,
) => {
  const did: string[] = [];
  let pages = 0;
  const writes = {
    broken: false,
    pause: async () => void did.push("pause"),
    resume: () => void did.push("resume"),
    break: (error: Error) => {
      writes.broken = true;
      did.push(`break ${error.message}`);
    },
  };
  const checkpointer = new Checkpointer({
    writer: { database: { pragma: () => PAGE_BYTES }, walPages: () => walPages(pages) } as unknown as Connection,
    writes: writes as unknown as GroupCommit,
    thread: {
      async checkpoint(mode) {
        did.push(mode);
        return answers(mode);
      },
      close: async () => void did.push("close"),
    },
  });
  const batches = (bytes: number) => {
    pages = bytes / PAGE_BYTES;
    for (let count = 0; count < BATCHES_PER_WAL_CHECK; count++) checkpointer.batchDone();
  };
  return { checkpointer, batches, did };
};

const done = () => ({ done: true });

test("a log that has grown is emptied while writes go on, and starts over while they are held back", async () => {
  const { checkpointer, batches, did } = start(done);
  batches(WAL_CHECKPOINT_BYTES - PAGE_BYTES);
  expect(did).toEqual([]);
  batches(WAL_CHECKPOINT_BYTES);
  batches(WAL_CHECKPOINT_BYTES);
  await new Promise(setImmediate);
  expect(did.splice(0)).toEqual(["PASSIVE"]);
  batches(2 * WAL_CHECKPOINT_BYTES - PAGE_BYTES);
  expect(did).toEqual([]);
  batches(WAL_RESTART_BYTES);
  await new Promise(setImmediate);
  expect(did.splice(0)).toEqual(["PASSIVE", "pause", "RESTART", "resume"]);
  batches(WAL_CHECKPOINT_BYTES);
  await checkpointer.close();
  expect(did).toEqual(["PASSIVE", "close"]);
});

test("a log that SQLite has started over by itself is followed from its beginning", async () => {
  const { batches, did } = start(done);
  batches(WAL_RESTART_BYTES - PAGE_BYTES);
  await new Promise(setImmediate);
  batches(WAL_CHECKPOINT_BYTES);
  await new Promise(setImmediate);
  expect(did).toEqual(["PASSIVE", "PASSIVE"]);
});

test("a log that a reader keeps from starting over holds no writes back until it has grown by as much again", async () => {
  const { batches, did } = start((mode) => ({ done: mode === "PASSIVE" }));
  batches(WAL_RESTART_BYTES);
  await new Promise(setImmediate);
  expect(did.splice(0)).toEqual(["PASSIVE", "pause", "RESTART", "resume"]);
  batches(WAL_RESTART_BYTES + PAGE_BYTES);
  expect(did).toEqual([]);
  batches(2 * WAL_RESTART_BYTES - PAGE_BYTES);
  await new Promise(setImmediate);
  expect(did.splice(0)).toEqual(["PASSIVE"]);
  batches(2 * WAL_RESTART_BYTES + WAL_CHECKPOINT_BYTES);
  await new Promise(setImmediate);
  expect(did).toEqual(["PASSIVE", "pause", "RESTART", "resume"]);
});

test("a checkpoint that the disk fails ends the trust in the store, one that finds it full or no thread does not", async () => {
  const full = start(() => ({ error: { code: "SQLITE_FULL", message: "full" } }));
  full.batches(WAL_RESTART_BYTES);
  await new Promise(setImmediate);
  expect(full.did).toEqual(["PASSIVE", "pause", "RESTART", "resume"]);
  const without = start(() => Promise.reject(new Error("no thread")));
  without.batches(WAL_RESTART_BYTES);
  await new Promise(setImmediate);
  expect(without.did).toEqual(["PASSIVE", "pause", "RESTART", "resume"]);
  const failed = start(() => ({ error: { code: "SQLITE_IOERR_FSYNC", message: "EIO" } }));
  failed.batches(WAL_RESTART_BYTES);
  await new Promise(setImmediate);
  expect(failed.did).toEqual(["PASSIVE", "break EIO", "pause", "resume"]);
});

test("a look at the log that fails does not fail the batch, which is on the disk", () => {
  const failing = (code: string) =>
    start(done, () => {
      throw Object.assign(new Error(code), { code });
    });
  const busy = failing("SQLITE_BUSY");
  busy.batches(WAL_CHECKPOINT_BYTES);
  expect(busy.did).toEqual([]);
  const disk = failing("SQLITE_IOERR_READ");
  disk.batches(WAL_CHECKPOINT_BYTES);
  expect(disk.did).toEqual(["break SQLITE_IOERR_READ"]);
});

test("the log of a store that is written and read without a pause starts over", async () => {
  const path = join(temporaryFolder(), "notes.db");
  const store = await openStore({ path, name: "notes", migrations, runtime: systemRuntime() });
  const other = new Database(path);
  onTestFinished(async () => {
    other.close();
    await store.close();
  });
  const pages = () => (other.pragma("wal_checkpoint(NOOP)") as { log: number }[])[0]?.log ?? 0;
  const text = "x".repeat(20_000);
  let written = 0;
  let most = 0;
  const writing = async () => {
    // Until the log is seen shorter than it was, or for as long as the test may take.
    while (pages() >= most) {
      most = pages();
      const id = `n${written++}`;
      await store.write((tx) => tx.run(insertNote, { id, text }));
      await store.read((reader) => reader.get(noteById, { id }));
    }
  };
  await Promise.all(Array.from({ length: 16 }, writing));
  expect(most * PAGE_BYTES).toBeGreaterThan(WAL_CHECKPOINT_BYTES);
});

test("the thread checkpoints a file that others use, and can be ended and started again", async () => {
  const path = join(temporaryFolder(), "notes.db");
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.exec("CREATE TABLE notes (id)");
  const thread = openCheckpointThread(path, systemRuntime());
  onTestFinished(() => thread.close());
  expect(await thread.checkpoint("PASSIVE")).toEqual({ done: true });
  await thread.close();
  const reader = new Database(path, { readonly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT * FROM notes").all();
  database.exec("INSERT INTO notes VALUES (1)");
  expect(await thread.checkpoint("RESTART")).toEqual({ done: false });
  reader.close();
  expect(await thread.checkpoint("RESTART")).toEqual({ done: true });
  database.close();
});
