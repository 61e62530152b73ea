import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { backupFile } from "./backup.ts";
import { diskInHand } from "./fixtures/disk-in-hand.ts";
import { insertNote, migrations, noteIds } from "./fixtures/notes.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { openStoreOn } from "./open-store.ts";
import type { SqliteStore } from "./sqlite-store.ts";

const runtime = systemRuntime();
const open = async (path: string) => {
  // Writes that wait for no disk, so that many fit into one copy.
  const store = await openStoreOn(diskInHand().openWal, { path, name: "notes", migrations, runtime });
  onTestFinished(() => store.close());
  return store;
};

const ids = async (store: SqliteStore) =>
  (await store.read((reader) => reader.all(noteIds, {}))).map((note) => note.id);

/** A store of some thousand pages, so that a copy takes many turns. */
const openFilled = async (path: string) => {
  const store = await open(path);
  await store.write(async (tx) => {
    for (let i = 0; i < 2_000; i++) await tx.run(insertNote, { id: `old${i}`, text: "x".repeat(2_000) });
  });
  return store;
};

/** Writes pairs, one pair per transaction, until the copy is made; resolves to the number of pairs. */
const writePairsDuring = async (store: SqliteStore, copy: Promise<unknown>): Promise<number> => {
  let copying = true;
  const copied = copy.finally(() => {
    copying = false;
  });
  let pairs = 0;
  for (; copying; pairs++) {
    await store.write(async (tx) => {
      await tx.run(insertNote, { id: `pair${pairs}a`, text: "" });
      await tx.run(insertNote, { id: `pair${pairs}b`, text: "" });
    });
    await new Promise(setImmediate);
  }
  await copied;
  return pairs;
};

const expectWholePrefix = (found: string[], pairs: number) => {
  const written = found.filter((id) => id.startsWith("pair"));
  expect(found.length - written.length).toBe(2_000);
  expect(written.length % 2).toBe(0);
  expect(written).toEqual(Array.from({ length: written.length / 2 }, (_, i) => [`pair${i}a`, `pair${i}b`]).flat());
  expect(written.length / 2).toBeLessThanOrEqual(pairs);
};

test("a copy made under writes is whole, of one moment, alone in its file, and opens as a store", async () => {
  const folder = temporaryFolder();
  const target = join(folder, "backups.db");
  const store = await openFilled(join(folder, "notes.db"));
  const progress: number[] = [];
  const pairs = await writePairsDuring(
    store,
    store.backup(target, ({ pages, total }) => progress.push(pages / total)),
  );
  expect(pairs).toBeGreaterThan(1);
  expect(progress.length).toBeGreaterThan(1);
  expect(readdirSync(folder).filter((name) => name.startsWith("backups"))).toEqual(["backups.db"]);
  expect(statSync(target).mode & 0o777).toBe(0o600);
  expectWholePrefix(await ids(await open(target)), pairs);
});

test("a file that another connection writes is copied as of one moment", async () => {
  const folder = temporaryFolder();
  const target = join(folder, "copy.db");
  const store = await openFilled(join(folder, "notes.db"));
  const pairs = await writePairsDuring(store, backupFile(join(folder, "notes.db"), target));
  expect(pairs).toBeGreaterThan(1);
  expectWholePrefix(await ids(await open(target)), pairs);
});

test("a target that exists is refused and stays", async () => {
  const folder = temporaryFolder();
  const target = join(folder, "taken");
  writeFileSync(target, "precious");
  const store = await open(join(folder, "notes.db"));
  await expect(store.backup(target)).rejects.toThrow("taken exists already; a backup overwrites nothing");
  expect(statSync(target).size).toBe(8);
});

test("a copy that fails leaves nothing", async () => {
  const folder = temporaryFolder();
  const store = await openFilled(join(folder, "notes.db"));
  const failing = store.backup(join(folder, "copy.db"), () => {
    throw new Error("the operator gave up");
  });
  await expect(failing).rejects.toThrow("the operator gave up");
  expect(readdirSync(folder).filter((name) => name.startsWith("copy"))).toEqual([]);
});

test("two backups to one path do not meet", async () => {
  const folder = temporaryFolder();
  const target = join(folder, "copy.db");
  const store = await openFilled(join(folder, "notes.db"));
  const results = await Promise.allSettled([store.backup(target), store.backup(target)]);
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected"]);
  expect(await ids(await open(target))).toHaveLength(2_000);
});

test("a file that does not exist is not backed up", async () => {
  const folder = temporaryFolder();
  await expect(backupFile(join(folder, "nothing.db"), join(folder, "copy.db"))).rejects.toThrow(/nothing\.db/);
  expect(existsSync(join(folder, "copy.db"))).toBe(false);
});
