import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { restoreFile } from "./restore.ts";

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

test("a restore that ends before its last step leaves the file where it was: no service begins a new one", () => {
  const { file, copy, aside } = folderWithTwo();
  const before = readFileSync(file);
  const killed = () => {
    throw new Error("killed");
  };
  expect(() => restoreFile(copy, file, aside, killed)).toThrow("killed");
  expect(readFileSync(file)).toEqual(before);
});

test("of two restores of one file the second takes nothing from the first", () => {
  const { file, copy, aside } = folderWithTwo();
  writeFileSync(`${file}.restoring`, "the first one's");
  expect(() => restoreFile(copy, file, aside)).toThrow(/another restore of it running/);
  expect(readFileSync(`${file}.restoring`, "utf8")).toBe("the first one's");
});
