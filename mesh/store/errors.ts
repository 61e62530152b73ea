import { Code } from "@connectrpc/connect";
import Database from "better-sqlite3";
import { fail, reasons } from "../contract/fail.ts";
import { StartError } from "../runtime/index.ts";
import { RETRY_DELAY_MS } from "./limits.ts";

const reason = reasons("heddle.mesh");

export const STORE_OVERLOADED = reason(
  "STORE_OVERLOADED",
  Code.ResourceExhausted,
  "{waiting} jobs wait for the store of {service} already. Try again.",
);
export const STORE_BUSY = reason(
  "STORE_BUSY",
  Code.Unavailable,
  "Another process kept the store of {service} locked. Try again.",
);
export const STORE_FULL = reason(
  "STORE_FULL",
  Code.ResourceExhausted,
  "The disk of the store of {service} is full; the write was not kept.",
);
export const STORE_CLOSED = reason(
  "STORE_CLOSED",
  Code.Unavailable,
  "The store of {service} is closed. Try another instance.",
);
export const STORE_BROKEN = reason(
  "STORE_BROKEN",
  Code.Unavailable,
  "The store of {service} takes no jobs after a failed commit. Try another instance.",
);
export const COMMIT_FAILED = reason(
  "COMMIT_FAILED",
  Code.Internal,
  "The store of {service} failed to commit; whether the write was kept is known only after its restart.",
);
export const TOO_LATE = reason(
  "DEADLINE_EXCEEDED",
  Code.DeadlineExceeded,
  "{method} reached its deadline before its turn in the store.",
);
export const EVENT_TOO_LARGE = reason(
  "EVENT_TOO_LARGE",
  Code.ResourceExhausted,
  "The event {type} has {bytes} bytes; {bytesMax} are allowed.",
);

/** Why a service cannot start on its database file: names the file, what is wrong with it, and the next step. */
export class StoreStartError extends StartError {
  /** The database file or the migration at fault. */
  readonly file: string;
  constructor(file: string, problem: string, nextStep: string, options?: ErrorOptions) {
    super(`${file} ${problem}`, nextStep, options);
    this.name = "StoreStartError";
    this.file = file;
  }
}

/** SQLite's own word for what went wrong, such as SQLITE_BUSY_SNAPSHOT; undefined when the error is not SQLite's. */
export const sqliteCode = (error: unknown): string | undefined =>
  error instanceof Database.SqliteError ? error.code : undefined;

/** True for `code` and its extended codes, as SQLITE_IOERR_FSYNC is one of SQLITE_IOERR. */
export const isSqliteError = (error: unknown, code: string): boolean => isCode(sqliteCode(error), code);

/** The same of an error's code alone, as it comes from another thread. */
export const isCode = (found: string | undefined, code: string): boolean =>
  found === code || found?.startsWith(`${code}_`) === true;

/** What a caller gets to see of an error of SQLite; other errors pass unchanged. */
export const callErrorFrom = (error: unknown, service: string): unknown => {
  if (isSqliteError(error, "SQLITE_BUSY")) {
    return fail(STORE_BUSY, { service }, { retryDelayMs: RETRY_DELAY_MS, cause: error });
  }
  if (isSqliteError(error, "SQLITE_FULL")) return fail(STORE_FULL, { service }, { cause: error });
  return error;
};
