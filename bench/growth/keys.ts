/** Of so many rows one belongs to the customer, or the account, whose lists are read: its rows lie apart, as they do in life. */
export const ROWS_PER_OWN_ROW = 10;

/** Rows are numbered from 1; ids sort as their numbers do. */
export const idOf = (prefix: string, row: number): string => `${prefix}_${String(row).padStart(26, "0")}`;

/** SQL for the same id. */
export const idInSql = (prefix: string, row: string): string => `printf('${prefix}_%026d', ${row})`;
