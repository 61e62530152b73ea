import Database from "better-sqlite3";

/** What a table is filled with: copies of a row that its service has written, but for a few columns. */
export interface Copies {
  readonly table: string;
  /** How many times the rows of `of` are copied. */
  readonly times: number;
  /** Which rows are copied; a condition on their columns. */
  readonly of: string;
  /**
   * SQL for the columns that differ; `i` counts the copies from 1, `t` is the row. A column that the table does not have is left
   * out, so that a column which goes with a later migration does no harm.
   */
  readonly but: Readonly<Record<string, string>>;
}

/**
 * Fills tables of a database that no process has open, at some hundred thousand rows per second. Indexes and triggers are put
 * away meanwhile and made again by their own text: afterwards the schema is the service's, and so is what the query planner
 * knows, which is what it knew of a young database.
 */
export const copyRows = (file: string, fillings: readonly Copies[]): void => {
  const database = new Database(file, { fileMustExist: true });
  try {
    // Nobody has need of what a fall would leave of this file.
    database.pragma("journal_mode = DELETE");
    database.pragma("journal_mode = OFF");
    database.pragma("synchronous = OFF");
    database.pragma("foreign_keys = OFF");
    database.pragma("cache_size = -262144");
    for (const filling of fillings) fill(database, filling);
  } finally {
    database.close();
  }
};

const fill = (database: Database.Database, { table, times, of, but }: Copies): void => {
  const aside = database
    .prepare(
      "SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = :table AND type <> 'table' AND sql IS NOT NULL",
    )
    .all({ table }) as { type: string; name: string; sql: string }[];
  const statistics = statisticsOf(database, table);
  for (const { type, name } of aside) database.exec(`DROP ${type} ${name}`);
  const columns = (database.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name);
  const values = columns.map((column) => but[column] ?? `t.${column}`);
  // CROSS JOIN keeps the order, so that rows come in the order of their numbers and are appended.
  database
    .prepare(`
      INSERT INTO ${table} (${columns.join(", ")})
      WITH RECURSIVE
        copied AS MATERIALIZED (SELECT * FROM ${table} WHERE ${of}),
        numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :times)
      SELECT ${values.join(", ")} FROM numbers CROSS JOIN copied AS t`)
    .run({ times });
  for (const { sql } of aside) database.exec(sql);
  for (const row of statistics) {
    database.prepare("DELETE FROM sqlite_stat1 WHERE tbl = :tbl AND idx IS :idx").run(row);
    database.prepare("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)").run(row);
  }
};

/** What `PRAGMA optimize` has written down of a table; dropping an index forgets it. */
const statisticsOf = (
  database: Database.Database,
  table: string,
): { tbl: string; idx: string | null; stat: string }[] => {
  const any = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").get() !== undefined;
  if (!any) return [];
  return database.prepare("SELECT tbl, idx, stat FROM sqlite_stat1 WHERE tbl = :table").all({ table }) as ReturnType<
    typeof statisticsOf
  >;
};
