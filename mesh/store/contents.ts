import type Database from "better-sqlite3";

/** What a database holds, by which a copy is told from its source and a backup from another one. */
export interface StoreContents {
  /** The service that owns it. */
  readonly service: string;
  /** Number of rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** The sequence of the newest event that was ever published, 0 when none was. */
  readonly lastEventSequence: number;
  /** What it has been migrated by, `service/0002-add-email`, in order. */
  readonly migrations: readonly string[];
}

/** Counts every row: takes as long as reading the database does. Throws when it is no store. */
export const contentsOf = (database: Database.Database): StoreContents => {
  const pluck = (text: string) => database.prepare(text).pluck();
  const tables = pluck(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
  ).all() as string[];
  const count = (table: string) => pluck(`SELECT count(*) FROM "${table.replaceAll('"', '""')}"`).get() as number;
  return {
    service: pluck("SELECT value FROM heddle_meta WHERE name = 'service'").get() as string,
    rows: Object.fromEntries(tables.map((table) => [table, count(table)])),
    lastEventSequence: (pluck("SELECT seq FROM sqlite_sequence WHERE name = 'heddle_events'").get() as number) ?? 0,
    migrations: pluck(
      "SELECT owner || '/' || printf('%04d', number) || '-' || name FROM heddle_migrations ORDER BY owner, number",
    ).all() as string[],
  };
};

/** What `found` has otherwise than `expected`, in words; undefined when nothing. */
export const differenceOf = (expected: StoreContents, found: StoreContents): string | undefined => {
  if (found.service !== expected.service) return `it is of ${found.service}, not of ${expected.service}`;
  if (found.lastEventSequence !== expected.lastEventSequence)
    return `its last event is ${found.lastEventSequence}, not ${expected.lastEventSequence}`;
  if (found.migrations.join() !== expected.migrations.join()) return "its migrations are others";
  const tables = new Set([...Object.keys(expected.rows), ...Object.keys(found.rows)]);
  for (const table of tables) {
    if (found.rows[table] !== expected.rows[table])
      return `${table} has ${found.rows[table] ?? "no"} rows, not ${expected.rows[table] ?? "none"}`;
  }
  return undefined;
};
