import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, expect, test, vi } from "vitest";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { restoreFile } from "./restore.ts";

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  return { ...fs, renameSync: vi.fn(fs.renameSync) };
});

afterEach(() => void vi.mocked(renameSync).mockReset());

const databaseOf = (path: string, name: string): string => {
  const database = new Database(path);
  database.exec(`CREATE TABLE ${name} (id)`);
  database.close();
  return path;
};

const folderWithTwo = () => {
  const folder = temporaryFolder();
  const file = databaseOf(join(folder, "notes.db"), "before");
  return { file, copy: databaseOf(join(folder, "copy.db"), "after"), aside: `${file}.before` };
};

test("a restore that ends before its last step leaves the file where it was: no service begins a new one", async () => {
  const actual = await vi.importActual<typeof import("node:fs")>("node:fs");
  const { file, copy, aside } = folderWithTwo();
  const before = readFileSync(file);
  vi.mocked(renameSync).mockImplementation((from, to) => {
    if (to === file) throw new Error("killed");
    actual.renameSync(from, to);
  });
  expect(() => restoreFile(copy, file, aside)).toThrow("killed");
  expect(readFileSync(file)).toEqual(before);
});

test("of two restores of one file the second takes nothing from the first", () => {
  const { file, copy, aside } = folderWithTwo();
  writeFileSync(`${file}.restoring`, "the first one's");
  expect(() => restoreFile(copy, file, aside)).toThrow(/another restore of it running/);
  expect(readFileSync(`${file}.restoring`, "utf8")).toBe("the first one's");
});
