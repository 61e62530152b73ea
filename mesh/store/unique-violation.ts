import { sqliteCode } from "./errors.ts";

/**
 * True when `error` says that a row with the same `columns` exists: `customers.email`, or, for a key of several columns,
 * `order_lines.order_id, order_lines.line`. For an index on an expression, `columns` is the name of the index.
 *
 * @example
 * if (isUniqueViolation(error, "customers.email")) throw fail(EMAIL_TAKEN, { email });
 */
export const isUniqueViolation = (error: unknown, columns: string): boolean => {
  const code = sqliteCode(error);
  if (code !== "SQLITE_CONSTRAINT_UNIQUE" && code !== "SQLITE_CONSTRAINT_PRIMARYKEY") return false;
  const violated = (error as Error).message.replace(/^UNIQUE constraint failed: /, "");
  return violated === columns || violated === `index '${columns}'`;
};
