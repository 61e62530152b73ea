import Database from "better-sqlite3";
import { isSqliteError } from "./errors.ts";
import { PAGE_CACHE_KIB, STATEMENTS_PER_CONNECTION_MAX, WAL_BYTES_KEPT_MAX } from "./limits.ts";
import type { Params, Statement } from "./statement.ts";

/** One connection to a database file, with its prepared statements. Synchronous; a call returns when SQLite is done. */
export class Connection {
  readonly database: Database.Database;
  readonly #prepared = new Map<Statement<never, unknown>, Database.Statement>();
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #rollback: Database.Statement;
  readonly #savepoint: Database.Statement;
  readonly #rollbackTo: Database.Statement;
  readonly #release: Database.Statement;
  readonly #look: Database.Statement;
  readonly #changes: Database.Statement;
  readonly #version: Database.Statement;
  #walLook: Database.Statement | undefined;
  readonly #readonly: boolean;
  #writes = 0;

  constructor(database: Database.Database) {
    this.database = database;
    this.#readonly = database.readonly;
    // A writer takes the write lock at once: a transaction that reads first could not write after another one's commit.
    this.#begin = database.prepare(database.readonly ? "BEGIN" : "BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
    this.#savepoint = database.prepare("SAVEPOINT job");
    this.#rollbackTo = database.prepare("ROLLBACK TO job");
    this.#release = database.prepare("RELEASE job");
    this.#look = database.prepare("PRAGMA schema_version");
    this.#changes = database.prepare("SELECT changes()").pluck();
    this.#version = database.prepare("PRAGMA data_version").pluck();
  }

  /** Counts the statements that may have written something. */
  get writes(): number {
    return this.#writes;
  }

  begin(): void {
    this.#begin.run();
  }

  /** From here on the transaction sees no later commit; SQLite looks at the first read only. */
  takeSnapshot(): void {
    this.#look.get();
  }

  commit(): void {
    this.#commit.run();
  }

  /** Undoes the transaction, unless SQLite has done so by itself. */
  rollback(): void {
    if (this.database.inTransaction) this.#rollback.run();
  }

  /** A point within the transaction to which it can be undone. One at a time. */
  savepoint(): void {
    this.#savepoint.run();
  }

  rollbackToSavepoint(): void {
    this.#rollbackTo.run();
  }

  releaseSavepoint(): void {
    this.#release.run();
  }

  /** The first row, or undefined. */
  get<P extends Params, R>(statement: Statement<P, R>, params: P): R | undefined {
    return this.#execute(statement, params, (prepared) => prepared.get(params)) as R | undefined;
  }

  all<P extends Params, R>(statement: Statement<P, R>, params: P): R[] {
    return this.#execute(statement, params, (prepared) => prepared.all(params)) as R[];
  }

  /** Returns the number of rows that changed. */
  run<P extends Params>(statement: Statement<P, unknown>, params: P): number {
    return this.#execute(statement, params, (prepared) => prepared.run(params)).changes;
  }

  /** Pages that the write-ahead log holds since it started over, of all connections to the file. */
  walPages(): number {
    this.#walLook ??= this.database.prepare("PRAGMA wal_checkpoint(NOOP)");
    return (this.#walLook.get() as { log: number }).log;
  }

  /**
   * A number that changes with what other connections have committed, and not with what this one has
   * (sqlite.org/pragma.html#pragma_data_version); NaN, which is no number's equal, while another process keeps it from being read.
   */
  dataVersion(): number {
    try {
      return this.#version.get() as number;
    } catch (error) {
      if (isSqliteError(error, "SQLITE_BUSY")) return Number.NaN;
      throw error;
    }
  }

  get inTransaction(): boolean {
    return this.database.inTransaction;
  }

  close(): void {
    this.#prepared.clear();
    this.database.close();
  }

  #execute<P extends Params, T>(
    statement: Statement<P, unknown>,
    params: P,
    run: (prepared: Database.Statement) => T,
  ): T {
    const prepared = this.#prepared.get(statement) ?? this.#prepare(statement);
    refuseUnbindable(statement, params);
    try {
      const result = run(prepared);
      if (!this.#readonly && !prepared.readonly) this.#writes++;
      return result;
    } catch (error) {
      // SQLite undoes a statement that fails, unless it was written to keep what it had done (sqlite.org/lang_conflict.html, FAIL).
      if (!this.#readonly && !prepared.readonly && this.inTransaction && this.#changes.get() !== 0) this.#writes++;
      throw explainBinding(statement, error);
    }
  }

  #prepare(statement: Statement<never, unknown>): Database.Statement {
    if (this.#prepared.size >= STATEMENTS_PER_CONNECTION_MAX) {
      throw new TypeError(
        `More than ${STATEMENTS_PER_CONNECTION_MAX} statements: declare each once, outside functions: const byId = sql(…).\n${statement.text}`,
      );
    }
    if (ENDS_TRANSACTION.test(statement.text)) {
      throw new TypeError(
        `A job's transaction is begun and ended by the store alone; leave this out:\n${statement.text}`,
      );
    }
    const prepared = this.database.prepare(statement.text).safeIntegers(statement.bigints);
    if (this.database.readonly && !prepared.readonly) {
      throw new TypeError(`A statement that writes needs store.write, not store.read:\n${statement.text}`);
    }
    this.#prepared.set(statement, prepared);
    return prepared;
  }
}

const ENDS_TRANSACTION = /^\s*(?:BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|ATTACH|DETACH|VACUUM|PRAGMA)\b/i;

/** SQLite would take undefined and NaN for NULL without a word. */
const refuseUnbindable = (statement: Statement<never, unknown>, params: Params): void => {
  for (const name in params) {
    const value: unknown = params[name];
    if (value === undefined || typeof value === "boolean" || Number.isNaN(value)) {
      const instead = typeof value === "boolean" ? "bind 0 or 1" : "bind null where a value may be missing";
      throw new TypeError(`Parameter :${name} is ${value}; ${instead}:\n${statement.text}`);
    }
  }
};

const explainBinding = (statement: Statement<never, unknown>, error: unknown): unknown => {
  // better-sqlite3 answers misuse with a bare TypeError or RangeError; SQLite's own errors have a code and pass.
  if (!(error instanceof TypeError || error instanceof RangeError)) return error;
  const missing = /^Missing named parameter "(.+)"$/.exec(error.message)?.[1];
  const problem = missing === undefined ? error.message : `Parameter :${missing} is missing`;
  return new TypeError(`${problem}:\n${statement.text}`, { cause: error });
};

/** Opens the connection that writes; the file must exist. `lockWaitMs`: how long SQLite waits for other processes. */
export const openWriter = (file: string, lockWaitMs: number): Database.Database =>
  new Database(file, { fileMustExist: true, timeout: lockWaitMs });

/** Changes nothing in the file, so that a file can be looked at before it is touched. */
export const configureWriter = (database: Database.Database): void => {
  secure(database);
  // Checkpoints sync, commits do not (sqlite.org/pragma.html#pragma_synchronous): GroupCommit syncs, once per batch, before it
  // answers.
  database.pragma("synchronous = NORMAL");
  // A checkpoint syncs several times; Checkpointer makes them beside the event loop.
  database.pragma("wal_autocheckpoint = 0");
  // What was deleted is overwritten: a service forgets when it is told to (sqlite.org/pragma.html#pragma_secure_delete).
  database.pragma("secure_delete = ON");
  database.pragma(`journal_size_limit = ${WAL_BYTES_KEPT_MAX}`);
};

/** Opens a connection that can only read. */
export const openReader = (file: string, lockWaitMs: number): Connection => {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: lockWaitMs });
  secure(database);
  database.pragma("query_only = ON");
  return new Connection(database);
};

const secure = (database: Database.Database): void => {
  database.pragma("foreign_keys = ON");
  // A file from elsewhere must not run functions from its schema, and a damaged page must not be followed
  // (sqlite.org/security.html).
  database.pragma("trusted_schema = OFF");
  database.pragma("cell_size_check = ON");
  database.pragma("temp_store = MEMORY");
  database.pragma(`cache_size = -${PAGE_CACHE_KIB}`);
};
