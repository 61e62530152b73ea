import type Database from "better-sqlite3";

/** Tables, indexes, triggers and views of a database by their names. */
export type DatabaseShape = ReadonlyMap<string, ShapePart>;

interface ShapePart {
  readonly type: "table" | "index" | "trigger" | "view";
  readonly name: string;
  /** The table that it is on. */
  readonly table: string;
  /** As SQLite keeps it: the statement that would make it now. */
  readonly text: string;
}

/** Reads the shape; what SQLite makes by itself, for a UNIQUE of a table, stands in that table's text. */
export const shapeOf = (database: Database.Database): DatabaseShape => {
  const parts = database
    .prepare(
      `SELECT type, name, tbl_name AS "table", sql AS text FROM sqlite_schema
       WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .all() as ShapePart[];
  return new Map(parts.map((part) => [part.name, part]));
};

/**
 * Why code that was written for `before` may fail on `after`, which the migration `text` made of it, in words; nothing where the
 * migration has only added. Allowed are new tables with their indexes and triggers, columns added to a table that may be null or
 * have a default (for which SQLite asks only where the table has rows), and indexes that are not unique; an index that goes is missed by `INDEXED BY`. Rows of tables that were there must stay as they are: what a
 * statement does to them cannot be told from outside.
 */
export const narrowings = (before: DatabaseShape, after: DatabaseShape, text: string): string[] => {
  const found: string[] = [];
  for (const was of before.values()) {
    const is = after.get(was.name);
    if (is?.text === was.text) continue;
    if (is === undefined) found.push(`it drops the ${was.type} ${was.name}`);
    else if (!(was.type === "table" && hasOnlyMoreColumns(was.text, is.text)))
      found.push(`it changes the ${was.type} ${was.name}`);
  }
  for (const is of after.values()) {
    if (before.has(is.name) || is.type === "table" || is.type === "view" || isPlainIndex(is)) continue;
    if (before.has(is.table))
      found.push(`it adds the ${is.type === "index" ? "unique index" : is.type} ${is.name} to ${is.table}`);
  }
  for (const statement of statementsOf(text)) {
    const target = /^(?:INSERT|REPLACE)(?:\s+OR\s+\w+)?\s+INTO\s+["'`[]?(\w+)/i.exec(statement)?.[1];
    const isAddition = /^(?:CREATE|ALTER|DROP)\b/i.test(statement) || (target !== undefined && !before.has(target));
    const filled = before.get(columnToFill(statement) ?? "")?.name;
    if (filled !== undefined) found.push(`it gives ${filled} a column that must be filled`);
    if (!isAddition) found.push(`it changes rows: ${statement.replace(/\s+/g, " ").slice(0, 60)}`);
  }
  return found;
};

const isPlainIndex = ({ type, text }: ShapePart): boolean => type === "index" && !/^CREATE\s+UNIQUE\b/i.test(text);

/** ALTER TABLE … ADD COLUMN puts the column before the parenthesis that ends the table's text, and changes nothing else. */
const hasOnlyMoreColumns = (was: string, is: string): boolean => {
  const end = was.lastIndexOf(")");
  return is.startsWith(was.slice(0, end)) && is.endsWith(was.slice(end)) && is.slice(end).startsWith(",");
};

/** The table to which a statement adds a column that whoever inserts a row must give a value. */
const columnToFill = (statement: string): string | undefined => {
  const [, table, column = ""] = /^ALTER\s+TABLE\s+["'`[]?(\w+)["'`\]]?\s+ADD\b([\s\S]*)/i.exec(statement) ?? [];
  const hasDefault = /\bDEFAULT\b(?!\s+NULL\b)/i.test(column);
  return /\bNOT\s+NULL\b/i.test(column) && !hasDefault ? table : undefined;
};

/** The statements of a migration without comments and texts, which could hold a semicolon. Bodies of triggers stay with them. */
const statementsOf = (text: string): string[] => {
  const bare = text.replace(/'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\//g, (found) =>
    found.startsWith("'") ? "''" : " ",
  );
  const whole = bare.replace(/\bCREATE\s+(?:TEMP\w*\s+)?TRIGGER\b[\s\S]*?\bEND\s*;/gi, "CREATE TRIGGER;");
  return whole
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
};
