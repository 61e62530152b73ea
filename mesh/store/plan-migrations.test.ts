import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { migrate } from "./migrate.ts";
import { claimFile } from "./own-file.ts";
import { planMigrations } from "./plan-migrations.ts";

const FIRST = `
  CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL, note TEXT) STRICT;
  CREATE INDEX orders_by_total ON orders (total);
  CREATE VIEW totals AS SELECT sum(total) AS sum FROM orders;`;
const STATEMENTS = [
  "INSERT INTO orders (id, total, note) VALUES (:id, :total, :note)",
  "SELECT * FROM orders WHERE id = :id",
  "SELECT sum FROM totals",
];
const HEDDLE = new URL("./migrations/", import.meta.url);
const { clock } = systemRuntime();

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-plan-"));
  file = join(folder, "orders.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

const release = (...texts: string[]): URL => {
  const path = mkdtempSync(join(folder, "release-"));
  for (const [index, text] of texts.entries()) writeFileSync(join(path, `000${index + 1}-step.sql`), text);
  return pathToFileURL(`${path}/`);
};

/** Brings the file to what a release knows. */
const start = (migrations: URL): void => {
  const database = new Database(file);
  if (database.prepare("SELECT 1 FROM sqlite_schema").get() === undefined) claimFile(database, file, "orders");
  try {
    migrate(database, { file, owner: "heddle", migrations: HEDDLE, clock });
    migrate(database, { file, owner: "service", migrations, clock });
  } finally {
    database.close();
  }
};

const plan = (service: URL) =>
  planMigrations({ file, service: "orders", folders: { heddle: HEDDLE, service }, statements: STATEMENTS });

test.each([
  [
    "a new table with rows, an index and a trigger",
    "CREATE TABLE a (x); INSERT INTO a VALUES (1); CREATE UNIQUE INDEX b ON a (x); CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END;",
  ],
  ["a column that may be null", "ALTER TABLE orders ADD COLUMN kind TEXT;"],
  ["a column with a default", "ALTER TABLE orders ADD COLUMN kind TEXT NOT NULL DEFAULT 'x; UPDATE';"],
  ["an index", "CREATE INDEX orders_by_note ON orders (note); -- UPDATE orders"],
])("%s adds, and the release before works with it", (_, text) => {
  start(release(FIRST));
  const next = release(FIRST, text);
  expect(plan(next)).toEqual({
    migrations: [{ owner: "service", name: "0002-step", narrowings: [] }],
    brokenStatements: [],
  });
  start(next);
  start(release(FIRST));
});

test.each([
  ["a unique index", "CREATE UNIQUE INDEX orders_by_note ON orders (note);", /unique index orders_by_note/],
  ["a trigger", "CREATE TRIGGER t BEFORE INSERT ON orders BEGIN SELECT RAISE(ABORT, 'no'); END;", /trigger t/],
  [
    "a table made anew with another rule",
    "DROP VIEW totals; CREATE TABLE o2 (id TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK (total > 5), note TEXT) STRICT; INSERT INTO o2 SELECT * FROM orders; DROP TABLE orders; ALTER TABLE o2 RENAME TO orders; CREATE VIEW totals AS SELECT sum(total) AS sum FROM orders;",
    /changes the table orders/,
  ],
  [
    "a column that old code does not fill, on a table without a row",
    "ALTER TABLE orders ADD COLUMN kind TEXT NOT NULL;",
    /gives orders a column that must be filled/,
  ],
  ["an index that goes", "DROP INDEX orders_by_total;", /drops the index orders_by_total/],
  ["rows that change", "UPDATE orders SET note = 'x';", /changes rows: UPDATE orders/],
  ["rows that go", "WITH a AS (SELECT 1) DELETE FROM orders;", /changes rows: WITH a/],
  ["rows that come where there were others", "INSERT INTO orders VALUES ('a', 1, '');", /changes rows: INSERT/],
])("%s may fail the release before, which then cannot open the file", (_, text, why) => {
  start(release(FIRST));
  const next = release(FIRST, text);
  const { migrations, brokenStatements } = plan(next);
  expect(migrations[0]?.narrowings.join("\n")).toMatch(why);
  expect(brokenStatements).toEqual([]);
  start(next);
  expect(() => start(release(FIRST))).toThrow(/has had the migration 0002-step.sql/);
});

test("statements that would fail, or miss a column, are named", () => {
  start(release(FIRST));
  const { brokenStatements } = plan(release(FIRST, "ALTER TABLE orders DROP COLUMN note;"));
  expect(brokenStatements).toEqual([
    expect.stringMatching(/has no column named note: INSERT INTO orders/),
    "note would be missing: SELECT * FROM orders WHERE id = :id",
  ]);
});

test("a release that has nothing new does nothing, and one of before an addition neither", () => {
  const both = release(FIRST, "ALTER TABLE orders ADD COLUMN kind TEXT;");
  start(both);
  expect(plan(both)).toEqual({ migrations: [], brokenStatements: [] });
  expect(plan(release(FIRST))).toEqual({ migrations: [], brokenStatements: [] });
});

test("a release whose earlier migrations are others is refused, and the file stays as it is", () => {
  start(release(FIRST));
  expect(() => plan(release(`${FIRST} -- edited`))).toThrow(/was edited after it ran/);
});
