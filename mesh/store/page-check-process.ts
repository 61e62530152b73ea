// A process of the store: checks the pages of a database file and says what it found. Started by page-check.ts.
import { constants, setPriority } from "node:os";
import Database from "better-sqlite3";

const [file = ""] = process.argv.slice(2);
// Callers come first.
setPriority(constants.priority.PRIORITY_LOW);
const database = new Database(file, { readonly: true, fileMustExist: true });
const verdict = () => {
  try {
    return String(database.pragma("quick_check(1)", { simple: true }));
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    // Anything else says nothing of the file.
    return code?.startsWith("SQLITE_CORRUPT") ? message : "ok";
  }
};
process.send?.(verdict(), () => process.exit());
