import type Database from "better-sqlite3";
import type { Clock } from "../runtime/index.ts";
import { narrowings, shapeOf } from "./database-shape.ts";
import { StoreStartError } from "./errors.ts";
import { type Migration, readMigrations } from "./migration-files.ts";

/** Whose tables a set of migrations makes: the runtime's own (`heddle_…`), or the service's. */
export type MigrationOwner = "heddle" | "service";

export interface MigrateOptions {
  /** The database file, for messages. */
  readonly file: string;
  readonly owner: MigrationOwner;
  /** The folder with `0001-name.sql`, `0002-name.sql`, … */
  readonly migrations: URL;
  readonly clock: Clock;
}

/**
 * Brings a database up to date: each migration that it lacks runs in one transaction together with its record in
 * `heddle_migrations`, so that a crash leaves it before or after a migration, never inside. Several processes may do so at
 * once. Whether it only adds to what was there is recorded with it: then code from before it goes on working with the file.
 * Throws StoreStartError when a migration was edited, renamed or removed after it ran, fails, or is newer than the code and more
 * than an addition.
 */
export const migrate = (database: Database.Database, { file, owner, migrations, clock }: MigrateOptions): void => {
  const known = readMigrations(migrations);
  compare(file, known, appliedTo(database, owner));
  // Tables that are rebuilt (sqlite.org/lang_altertable.html#otheralter) are dropped meanwhile; with foreign keys on, their
  // children would go with them. The check before each commit makes up for it.
  database.pragma("foreign_keys = OFF");
  try {
    for (const migration of known) {
      inTransaction(database, () => {
        const applied = appliedTo(database, owner);
        compare(file, known, applied);
        // Another process may have been faster, while this one waited for the lock.
        if (applied.length < migration.number) apply(database, owner, migration, clock.nowMs());
      });
    }
  } finally {
    database.pragma("foreign_keys = ON");
  }
};

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  /** True: code from before it works with it. */
  readonly expands: boolean;
}

/** The migrations that a database has had, in order; all numbers from 1 on. */
export const appliedTo = (database: Database.Database, owner: MigrationOwner): Applied[] => {
  const rows = database
    .prepare(
      `SELECT number, m.name, checksum, e.name IS NOT NULL AS expands
       FROM heddle_migrations m LEFT JOIN heddle_meta e ON e.name = 'expands ' || owner || ' ' || number
       WHERE owner = :owner ORDER BY number`,
    )
    .all({ owner }) as (Omit<Applied, "expands"> & { expands: number })[];
  return rows.map((row) => ({ ...row, expands: row.expands === 1 }));
};

/** Throws StoreStartError where a database has had other migrations than the code knows. */
export const compare = (file: string, known: readonly Migration[], applied: readonly Applied[]): void => {
  for (const was of applied) {
    const is = known[was.number - 1];
    // A later release has added to what this code knows, and taken nothing from it.
    if (is === undefined && was.expands) continue;
    const label = `${String(was.number).padStart(4, "0")}-${was.name}.sql`;
    if (is === undefined) {
      throw new StoreStartError(
        file,
        `has had the migration ${label}, which this release does not have.`,
        "run the newer release that made it (or put the file back, if it went missing), or restore a backup from before it.",
      );
    }
    if (is.name !== was.name) {
      throw new StoreStartError(
        is.file,
        `ran on ${file} under the name ${label}.`,
        `name it ${label} again; a new step gets a new number.`,
      );
    }
    if (is.checksum !== was.checksum) {
      throw new StoreStartError(
        is.file,
        `was edited after it ran on ${file}.`,
        `put its content back (git checkout), and write the change as a migration of its own.`,
      );
    }
  }
};

export const apply = (
  database: Database.Database,
  owner: MigrationOwner,
  migration: Migration,
  applyTimeMs: number,
): void => {
  const { number, name, checksum } = migration;
  const before = shapeOf(database);
  try {
    database.exec(migration.text);
    refuseDanglingReferences(database);
    database
      .prepare(
        "INSERT INTO heddle_migrations (owner, number, name, checksum, apply_time_ms) VALUES (:owner, :number, :name, :checksum, :applyTimeMs)",
      )
      .run({ owner, number, name, checksum, applyTimeMs });
    if (narrowings(before, shapeOf(database), migration.text).length > 0) return;
    database
      .prepare("INSERT INTO heddle_meta (name, value) VALUES (:key, :name)")
      .run({ key: `expands ${owner} ${number}`, name });
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new StoreStartError(
      migration.file,
      `failed and was rolled back: ${problem}`,
      "correct the file, which has not been recorded, and start again.",
      { cause },
    );
  }
};

const refuseDanglingReferences = (database: Database.Database): void => {
  const [dangling] = database.pragma("foreign_key_check") as { table: string; parent: string }[];
  if (dangling !== undefined) {
    throw new Error(`a row of ${dangling.table} refers to a row of ${dangling.parent} that does not exist`);
  }
};

/** Runs `work` while no other connection can write. */
export const inTransaction = (database: Database.Database, work: () => void): void => {
  database.exec("BEGIN IMMEDIATE");
  try {
    work();
    database.exec("COMMIT");
  } catch (error) {
    if (database.inTransaction) database.exec("ROLLBACK");
    throw error;
  }
};
