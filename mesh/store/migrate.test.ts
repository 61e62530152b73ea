import { join } from "node:path";
import { expect, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { migrationsOf, temporaryFolder } from "./fixtures/temporary-folder.ts";
import { openStore } from "./open-store.ts";
import { type NoParams, sql } from "./statement.ts";

const runtime = systemRuntime();
const open = (path: string, migrations: URL) => openStore({ path, name: "notes", migrations, runtime });
const migrateOnce = async (path: string, migrations: URL) => (await open(path, migrations)).close();

const A = "CREATE TABLE a (id TEXT PRIMARY KEY) STRICT;";
const B = "CREATE TABLE b (id TEXT PRIMARY KEY) STRICT;";

test("migrations run in order, once, and a later release adds its own", async () => {
  const path = join(temporaryFolder(), "notes.db");
  await migrateOnce(path, migrationsOf({ "0001-create-a.sql": A }));
  const release = migrationsOf({
    "0001-create-a.sql": A,
    "0002-create-b.sql": B,
    "0003-fill-b.sql": "INSERT INTO b VALUES ('once');",
    "README.md": "not a migration",
  });
  await migrateOnce(path, release);
  const store = await open(path, release);
  const rows = await store.read((reader) => reader.all(sql<NoParams, { id: string }>("SELECT id FROM b"), {}));
  await store.close();
  expect(rows).toEqual([{ id: "once" }]);
});

test("a migration that was edited after it ran stops the start and is named", async () => {
  const path = join(temporaryFolder(), "notes.db");
  await migrateOnce(path, migrationsOf({ "0001-create-a.sql": A }));
  const edited = migrationsOf({ "0001-create-a.sql": `${A}\n-- one more line` });
  await expect(open(path, edited)).rejects.toThrow(
    /0001-create-a\.sql was edited after it ran on .*notes\.db[\s\S]*Next step: put its content back/,
  );
});

test("other line ends are no edit", async () => {
  const path = join(temporaryFolder(), "notes.db");
  await migrateOnce(path, migrationsOf({ "0001-create-a.sql": `${A}\n${B}\n` }));
  await migrateOnce(path, migrationsOf({ "0001-create-a.sql": `${A}\r\n${B}\r\n` }));
});

test("a migration that was renamed stops the start", async () => {
  const path = join(temporaryFolder(), "notes.db");
  await migrateOnce(path, migrationsOf({ "0001-create-a.sql": A }));
  await expect(open(path, migrationsOf({ "0001-make-a.sql": A }))).rejects.toThrow("under the name 0001-create-a.sql");
});

test("a database to which later code has only added is opened", async () => {
  const path = join(temporaryFolder(), "notes.db");
  await migrateOnce(path, migrationsOf({ "0001-create-a.sql": A, "0002-create-b.sql": B }));
  const store = await open(path, migrationsOf({ "0001-create-a.sql": A }));
  await store.close();
});

test("a database that is newer than the code, by more than additions, stops the start", async () => {
  const path = join(temporaryFolder(), "notes.db");
  await migrateOnce(path, migrationsOf({ "0001-create-a.sql": A, "0002-create-b.sql": `${B} DROP TABLE a;` }));
  await expect(open(path, migrationsOf({ "0001-create-a.sql": A }))).rejects.toThrow(
    /notes\.db has had the migration 0002-create-b\.sql, which this release does not have\.\nNext step: run the newer release/,
  );
});

test.for([
  ["a missing number", { "0001-a.sql": A, "0003-b.sql": B }, /0002-….sql is missing/],
  ["a number given twice", { "0001-a.sql": A, "0001-b.sql": B }, /0001-b\.sql has a number that another migration has/],
  ["a misnamed file", { "0001-a.sql": A, "2-b.sql": B }, /2-b\.sql is misnamed/],
  ["an upper-case suffix", { "0001-a.sql": A, "0002-b.SQL": B }, /0002-b\.SQL is misnamed/],
  ["a transaction of its own", { "0001-a.sql": `-- why\nBEGIN;\n${A}\nCOMMIT;` }, /contains BEGIN/],
  ["no file", {}, /holds no migration/],
] as const)("%s stops the start before the database changes", async ([, files, message]) => {
  const path = join(temporaryFolder(), "notes.db");
  await expect(open(path, migrationsOf(files))).rejects.toThrow(message);
  await migrateOnce(path, migrationsOf({ "0001-create-b.sql": B }));
});

test("triggers and columns may use the words of transactions", async () => {
  const path = join(temporaryFolder(), "notes.db");
  const text = `
    CREATE TABLE a (id TEXT PRIMARY KEY,
      release TEXT) STRICT;
    CREATE TRIGGER a_is_kept BEFORE DELETE ON a
    BEGIN
      SELECT RAISE(ABORT, 'kept');
    END;`;
  await migrateOnce(path, migrationsOf({ "0001-create-a.sql": text }));
});

test("a migration that fails leaves nothing and can be corrected", async () => {
  const path = join(temporaryFolder(), "notes.db");
  const broken = migrationsOf({ "0001-create-a.sql": A, "0002-create-b.sql": `${B} INSERT INTO c VALUES (1);` });
  await expect(open(path, broken)).rejects.toThrow(/0002-create-b\.sql failed and was rolled back: no such table: c/);
  await migrateOnce(path, migrationsOf({ "0001-create-a.sql": A, "0002-create-b.sql": B }));
});

test("a table can be rebuilt without losing its children, and a reference to nothing fails the migration", async () => {
  const path = join(temporaryFolder(), "notes.db");
  const files = {
    "0001-create.sql": `${A}
      CREATE TABLE child (a_id TEXT NOT NULL REFERENCES a (id) ON DELETE CASCADE) STRICT;
      INSERT INTO a VALUES ('1'); INSERT INTO child VALUES ('1');`,
    "0002-rebuild.sql": `
      CREATE TABLE a_new (id TEXT PRIMARY KEY, note TEXT) STRICT;
      INSERT INTO a_new (id) SELECT id FROM a;
      DROP TABLE a; ALTER TABLE a_new RENAME TO a;`,
  };
  const store = await open(path, migrationsOf(files));
  const children = await store.read((reader) => reader.all(sql<NoParams, object>("SELECT * FROM child"), {}));
  await store.close();
  expect(children).toEqual([{ a_id: "1" }]);
  const dangling = migrationsOf({ ...files, "0003-empty-a.sql": "DELETE FROM a;" });
  await expect(open(path, dangling)).rejects.toThrow("a row of child refers to a row of a that does not exist");
});
