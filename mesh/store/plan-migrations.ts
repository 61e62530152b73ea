import { existsSync } from "node:fs";
import Database from "better-sqlite3";
import { narrowings, shapeOf } from "./database-shape.ts";
import { appliedTo, apply, compare, type MigrationOwner } from "./migrate.ts";
import { type Migration, readMigrations } from "./migration-files.ts";
import { APPLICATION_ID, claimFile } from "./own-file.ts";

/** A migration that a release would run on a database. */
export interface PlannedMigration {
  readonly owner: MigrationOwner;
  /** `0002-add-email` */
  readonly name: string;
  /** Why code from before it may fail afterwards, in words; empty where it only adds. */
  readonly narrowings: readonly string[];
}

/** What a release would do to a database, and whom that would hit. */
export interface MigrationPlan {
  readonly migrations: readonly PlannedMigration[];
  /** Statements of the running release that would fail afterwards, or return other columns, each with why. */
  readonly brokenStatements: readonly string[];
}

export interface PlanOptions {
  /** The database as it is now; it is only read. */
  readonly file: string;
  readonly service: string;
  /** The folders of the release's migrations. */
  readonly folders: Readonly<Record<MigrationOwner, URL>>;
  /** The SQL of the running release. */
  readonly statements: readonly string[];
}

const OWNERS: readonly MigrationOwner[] = ["heddle", "service"];

/**
 * Tries a release's migrations on an empty database in memory that has had those of `file`, and prepares every statement of the running
 * release before and after. A statement that still prepares finds all its tables and columns; what it cannot show is whether a row that
 * the running release writes breaks a new rule: `narrowings` names what could.
 *
 * @throws StoreStartError where the release could not open the file at all.
 */
export const planMigrations = ({ file, service, folders, statements }: PlanOptions): MigrationPlan => {
  const applied = appliedOf(file);
  const memory = new Database(":memory:");
  try {
    claimFile(memory, file, service);
    memory.pragma("foreign_keys = OFF");
    const ahead: { readonly owner: MigrationOwner; readonly migration: Migration }[] = [];
    for (const owner of OWNERS) {
      const known = readMigrations(folders[owner]);
      compare(file, known, applied[owner]);
      for (const migration of known) {
        if (migration.number > applied[owner].length) ahead.push({ owner, migration });
        else apply(memory, owner, migration, 0);
      }
    }
    const before = new Map(statements.map((text) => [text, columnsOf(memory, text)]));
    const migrations = ahead.map(({ owner, migration }): PlannedMigration => {
      const shape = shapeOf(memory);
      apply(memory, owner, migration, 0);
      const name = `${String(migration.number).padStart(4, "0")}-${migration.name}`;
      return { owner, name, narrowings: narrowings(shape, shapeOf(memory), migration.text) };
    });
    const brokenStatements = [...before].flatMap(([text, columns]) => {
      // One that did not prepare before, such as one of a view that is made at start, says nothing.
      if (typeof columns === "string") return [];
      const now = columnsOf(memory, text);
      if (typeof now === "string") return [`${now}: ${shortened(text)}`];
      const missing = columns.filter((column) => !now.includes(column));
      return missing.length === 0 ? [] : [`${missing.join(", ")} would be missing: ${shortened(text)}`];
    });
    return { migrations, brokenStatements };
  } finally {
    memory.close();
  }
};

/** What a file has had; nothing where there is none yet. */
const appliedOf = (file: string): Record<MigrationOwner, ReturnType<typeof appliedTo>> => {
  if (!existsSync(file)) return { heddle: [], service: [] };
  const database = new Database(file, { readonly: true });
  try {
    if (database.pragma("application_id", { simple: true }) !== APPLICATION_ID) return { heddle: [], service: [] };
    return { heddle: appliedTo(database, "heddle"), service: appliedTo(database, "service") };
  } finally {
    database.close();
  }
};

/** The columns that a statement returns; why it cannot be prepared, as a text, where it cannot. */
const columnsOf = (database: Database.Database, text: string): readonly string[] | string => {
  try {
    const statement = database.prepare(text);
    return statement.reader ? statement.columns().map(({ name }) => name) : [];
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

const shortened = (text: string): string => text.replace(/\s+/g, " ").trim().slice(0, 120);
