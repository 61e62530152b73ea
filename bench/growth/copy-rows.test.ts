import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { copyRows } from "./copy-rows.ts";
import { idInSql, idOf } from "./keys.ts";

const SCHEMA = `
  CREATE TABLE things (id TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX things_by_owner ON things (owner, id);
  CREATE TRIGGER things_are_not_added AFTER INSERT ON things BEGIN SELECT RAISE(ABORT, 'by nobody'); END;`;

/** A file with one thing in it, and what stands in the file. */
const start = () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "things.db");
  const using = <T>(work: (database: Database.Database) => T): T => {
    const database = new Database(file);
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  using((database) => {
    database.exec(
      SCHEMA.replace("CREATE TRIGGER", "INSERT INTO things VALUES ('thi_z', 'own_z', 'loom'); CREATE TRIGGER"),
    );
  });
  return {
    file,
    analyze: () => void using((database) => database.exec("ANALYZE")),
    all: (query: string) => using((database) => database.prepare(query).all()),
  };
};

test("copies differ in the columns that were named, and in nothing else", () => {
  const { file, all } = start();
  copyRows(file, [{ table: "things", times: 2, of: "1", but: { id: idInSql("thi", "i"), gone: "'no such column'" } }]);
  expect(all("SELECT * FROM things ORDER BY id")).toEqual([
    { id: idOf("thi", 1), owner: "own_z", kind: "loom" },
    { id: idOf("thi", 2), owner: "own_z", kind: "loom" },
    { id: "thi_z", owner: "own_z", kind: "loom" },
  ]);
});

test("the schema and the planner's statistics are what they were, and no trigger has run", () => {
  const { file, all, analyze } = start();
  analyze();
  const schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY name";
  const statistics = "SELECT * FROM sqlite_stat1 ORDER BY tbl, idx";
  const before = [all(schema), all(statistics)];
  copyRows(file, [{ table: "things", times: 100, of: "1", but: { id: idInSql("thi", "i") } }]);
  expect([all(schema), all(statistics)]).toEqual(before);
  expect(all("SELECT count(*) AS count FROM things INDEXED BY things_by_owner WHERE owner = 'own_z'")).toEqual([
    { count: 101 },
  ]);
  expect(all("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
});
