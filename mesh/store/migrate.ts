import type Database from "better-sqlite3";
import type { Clock } from "../runtime/index.ts";
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
 * once. Throws StoreStartError when a migration was edited, renamed or removed after it ran, fails, or is newer than the code.
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
}

/** The migrations that a database has had, in order; all numbers from 1 on. */
const appliedTo = (database: Database.Database, owner: MigrationOwner): Applied[] =>
  database
    .prepare("SELECT number, name, checksum FROM heddle_migrations WHERE owner = :owner ORDER BY number")
    .all({ owner }) as Applied[];

const compare = (file: string, known: readonly Migration[], applied: readonly Applied[]): void => {
  for (const was of applied) {
    const is = known[was.number - 1];
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

const apply = (database: Database.Database, owner: MigrationOwner, migration: Migration, applyTimeMs: number): void => {
  const { number, name, checksum } = migration;
  try {
    database.exec(migration.text);
    refuseDanglingReferences(database);
    database
      .prepare(
        "INSERT INTO heddle_migrations (owner, number, name, checksum, apply_time_ms) VALUES (:owner, :number, :name, :checksum, :applyTimeMs)",
      )
      .run({ owner, number, name, checksum, applyTimeMs });
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
