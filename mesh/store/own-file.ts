import type Database from "better-sqlite3";
import { StoreStartError } from "./errors.ts";
import { inTransaction } from "./migrate.ts";

/** "HDLE": what `file` and SQLite's own tools see of a database of Heddle (sqlite.org/pragma.html#pragma_application_id). */
export const APPLICATION_ID = 0x48444c45;

/**
 * Throws StoreStartError unless `file` is new or belongs to the service `name`. Reads only: a file of somebody else stays
 * as it is. Returns true for a new file.
 */
export const isNewFile = (database: Database.Database, file: string, name: string): boolean =>
  // One view of it all: another process may claim the file just now.
  database.transaction(() => looksNew(database, file, name)).deferred();

const looksNew = (database: Database.Database, file: string, name: string): boolean => {
  const applicationId = database.pragma("application_id", { simple: true }) as number;
  if (applicationId === APPLICATION_ID) {
    const owner = ownerOf(database);
    if (owner === name) return false;
    throw new StoreStartError(
      file,
      `belongs to the service ${owner ?? "that was never recorded"}, not to ${name}.`,
      `give ${name} a file of its own (see HEDDLE_DATA), or put this one back where it was.`,
    );
  }
  const tables = tablesOf(database);
  const userVersion = database.pragma("user_version", { simple: true }) as number;
  if (applicationId === 0 && userVersion === 0 && tables.length === 0) return true;
  throw new StoreStartError(
    file,
    `is a database of another program (application id 0x${applicationId.toString(16)}, tables: ${tables.join(", ") || "none"}).`,
    `move it away, or give ${name} another path (see HEDDLE_DATA).`,
  );
};

/** Makes a new file the service's own: the mark, and the tables that everything else is recorded in. */
export const claimFile = (database: Database.Database, file: string, name: string): void => {
  inTransaction(database, () => {
    // Another process may have been faster, while this one waited for the lock.
    if (!isNewFile(database, file, name)) return;
    database.pragma(`application_id = ${APPLICATION_ID}`);
    database.exec(`
      CREATE TABLE heddle_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE heddle_migrations (
        owner TEXT NOT NULL CHECK (owner IN ('heddle', 'service')),
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        checksum TEXT NOT NULL,
        apply_time_ms INTEGER NOT NULL,
        PRIMARY KEY (owner, number)
      ) STRICT;
    `);
    database.prepare("INSERT INTO heddle_meta (name, value) VALUES ('service', :name)").run({ name });
  });
};

const ownerOf = (database: Database.Database): string | undefined => {
  const hasMeta = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'heddle_meta'").get() !== undefined;
  const row = hasMeta ? database.prepare("SELECT value FROM heddle_meta WHERE name = 'service'").get() : undefined;
  return (row as { value: string } | undefined)?.value;
};

/** Enough of them to recognise the database by. */
const tablesOf = (database: Database.Database): string[] =>
  database.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' LIMIT 5").pluck().all() as string[];
