import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import Database from "better-sqlite3";
import { expect, test, vi } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { insertNote, migrations, noteById } from "./fixtures/notes.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { openStore, openStoreOn } from "./open-store.ts";
import { openWalFile } from "./wal-file.ts";

const runtime = systemRuntime();
const open = (path: string, name = "notes") => openStore({ path, name, migrations, runtime });

test("a new file and its folders are made for their owner alone, and what is written stays", async () => {
  const folder = join(temporaryFolder(), "data", "notes");
  const path = join(folder, "notes.db");
  const first = await open(path);
  await first.write((tx) => tx.run(insertNote, { id: "1", text: "kept" }));
  expect([folder, path, `${path}-wal`].map((made) => statSync(made).mode & 0o777)).toEqual([0o700, 0o600, 0o600]);
  await first.close();
  const second = await open(path);
  const note = await second.read((reader) => reader.get(noteById, { id: "1" }));
  await second.close();
  expect(note).toEqual({ text: "kept" });
});

test("another service's file is refused by both names", async () => {
  const path = join(temporaryFolder(), "notes.db");
  await (await open(path)).close();
  await expect(open(path, "orders")).rejects.toThrow(
    /notes\.db belongs to the service notes, not to orders\.\nNext step: /,
  );
});

test("another program's database is refused and stays as it is", async () => {
  const path = join(temporaryFolder(), "other.db");
  const other = new Database(path);
  other.exec("CREATE TABLE bookmarks (url TEXT)");
  other.close();
  const before = readFileSync(path);
  await expect(open(path)).rejects.toThrow(
    /other\.db is a database of another program \(application id 0x0, tables: bookmarks\)/,
  );
  expect(readFileSync(path)).toEqual(before);
});

test("a file that is no database is refused and stays as it is", async () => {
  const path = join(temporaryFolder(), "notes.db");
  writeFileSync(path, "dear diary, ".repeat(1_000));
  await expect(open(path)).rejects.toThrow(/notes\.db is not a SQLite database[\s\S]*Next step: move .*notes\.db/);
  expect(readFileSync(path, "utf8")).toContain("dear diary");
});

test("an empty file, left by a crash at the first start, is taken for new", async () => {
  const path = join(temporaryFolder(), "notes.db");
  writeFileSync(path, "");
  await (await open(path)).close();
});

/** A file with garbage in its middle. */
const damagedFile = async (): Promise<string> => {
  const path = join(temporaryFolder(), "notes.db");
  const store = await open(path);
  await store.write(async (tx) => {
    for (let i = 0; i < 2_000; i++) await tx.run(insertNote, { id: String(i), text: "x".repeat(100) });
  });
  await store.close();
  const middle = Math.floor(statSync(path).size / 2 / 4096) * 4096;
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(3 * 4096, 0xa5), 0, 3 * 4096, middle);
  closeSync(file);
  return path;
};

test("garbage in the middle of the file stops the start and says how to restore", async () => {
  const path = await damagedFile();
  await expect(open(path)).rejects.toThrow(
    /notes\.db is damaged: [\s\S]*Next step: move .*notes\.db.*-wal.*-shm aside.*copy a backup/,
  );
});

test("a large file is checked beside serving, and damage ends the process", async () => {
  const path = await damagedFile();
  const fatal = Promise.withResolvers<unknown>();
  const options = { path, name: "notes", migrations, runtime, onFatal: fatal.resolve };
  const store = await openStoreOn(openWalFile, options, 0);
  expect(String(await fatal.promise)).toMatch(/notes\.db is damaged: [\s\S]*copy a backup/);
  await expect(store.read(async () => undefined)).rejects.toThrow(/takes no jobs/);
  await store.close();
});

test("a large file that is whole is served, and closing waits for no check", async () => {
  const path = join(temporaryFolder(), "notes.db");
  await (await open(path)).close();
  const onFatal = vi.fn();
  const store = await openStoreOn(openWalFile, { path, name: "notes", migrations, runtime, onFatal }, 0);
  await store.write((tx) => tx.run(insertNote, { id: "1", text: "" }));
  await store.close();
  expect(onFatal).not.toHaveBeenCalled();
});

test("plans do not change with a file's age: no statistics are kept", async () => {
  const path = join(temporaryFolder(), "notes.db");
  await (await open(path)).close();
  const other = new Database(path);
  other.exec("ANALYZE");
  const statistics = () => other.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'").all();
  expect(statistics()).not.toEqual([]);
  const store = await open(path);
  await store.write((tx) => tx.run(insertNote, { id: "1", text: "" }));
  await store.close();
  expect(statistics()).toEqual([]);
  other.close();
});

test("a folder that cannot be made is named", async () => {
  const occupied = join(temporaryFolder(), "file");
  writeFileSync(occupied, "");
  await expect(open(join(occupied, "notes.db"))).rejects.toThrow(/file\/notes\.db cannot be made: .*HEDDLE_DATA/s);
});

test("a write while another process holds the lock for too long may be tried again", async () => {
  const path = join(temporaryFolder(), "notes.db");
  const store = await open(path);
  const other = new Database(path);
  other.exec("BEGIN IMMEDIATE");
  const write = () => store.write((tx) => tx.run(insertNote, { id: "1", text: "" }));
  const error = ConnectError.from(await write().catch((caught: unknown) => caught));
  expect(error.code).toBe(Code.Unavailable);
  expect(error.details.map((detail) => "desc" in detail && detail.desc.name)).toEqual(["ErrorInfo", "RetryInfo"]);
  other.exec("ROLLBACK");
  other.close();
  expect(await write()).toBe(1);
  await store.close();
});
