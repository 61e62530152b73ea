import { closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type Database from "better-sqlite3";
import type { Runtime } from "../runtime/index.ts";
import { openCheckpointThread } from "./checkpointer.ts";
import { Connection, configureWriter, openReader, openWriter } from "./connection.ts";
import { isSqliteError, StoreStartError } from "./errors.ts";
import { LOCK_WAIT_MS, START_CHECK_BYTES_MAX, START_LOCK_WAIT_MS } from "./limits.ts";
import { migrate } from "./migrate.ts";
import { claimFile, isNewFile } from "./own-file.ts";
import { startPageCheck } from "./page-check.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { openWalFile, syncFolder, type WalFile } from "./wal-file.ts";

export interface OpenStoreOptions {
  /** The database file; it is made, with its folders, when it does not exist. */
  readonly path: string;
  /** The service that owns the file; another service's file is refused. */
  readonly name: string;
  /** The folder of the service's migrations: `new URL("./migrations/", import.meta.url)`. */
  readonly migrations: URL;
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  /** Called once, when a commit has failed: the process should log it and exit. Every later job is refused. */
  readonly onFatal?: (error: unknown) => void;
}

/**
 * Opens a service's database: checked (`quick_check`), its own, and migrated. Throws StoreStartError when the file is
 * damaged, of another service or program, newer than the code, or locked for too long. A file of more than START_CHECK_BYTES_MAX is
 * checked beside serving, and `onFatal` told when it is damaged.
 */
export const openStore = (options: OpenStoreOptions): Promise<SqliteStore> => openStoreOn(openWalFile, options);

/**
 * The same on a write-ahead log that `openWal` opens, where tests stand in for the disk, and with files of more than
 * `startCheckBytesMax` checked beside serving.
 */
export const openStoreOn = async (
  openWal: (file: string) => WalFile,
  { path, name, migrations, runtime, onFatal = () => undefined }: OpenStoreOptions,
  startCheckBytesMax = START_CHECK_BYTES_MAX,
): Promise<SqliteStore> => {
  const file = resolve(path);
  makeFile(file);
  const database = openFile(file, START_LOCK_WAIT_MS);
  try {
    configureWriter(database);
    const isNew = isNewFile(database, file, name);
    const isLarge = statSync(file).size > startCheckBytesMax;
    if (!isNew && !isLarge) checkPages(database);
    await useWriteAheadLog(database, file, runtime);
    if (isNew) claimFile(database, file, name);
    const { clock } = runtime;
    migrate(database, { file, owner: "heddle", migrations: new URL("./migrations/", import.meta.url), clock });
    migrate(database, { file, owner: "service", migrations, clock });
    forgetStatistics(database);
    // From here on nothing waits for another process with the event loop standing still.
    database.pragma("busy_timeout = 0");
    const wal = openWal(file);
    // What a process that was killed has committed may not be on the disk yet, and is about to be read.
    await wal.sync();
    return new SqliteStore({
      service: name,
      writer: new Connection(database),
      openReader: () => openReader(file, LOCK_WAIT_MS),
      wal,
      checkpoints: openCheckpointThread(file, runtime),
      startPageCheck: (onDamage) =>
        isLarge ? startPageCheck(file, (verdict) => onDamage(damaged(file, verdict))) : undefined,
      runtime,
      onFatal,
    });
  } catch (error) {
    database.close();
    throw startErrorFrom(error, file);
  }
};

const openFile = (file: string, lockWaitMs: number): Database.Database => {
  try {
    return openWriter(file, lockWaitMs);
  } catch (error) {
    throw startErrorFrom(error, file);
  }
};

/** Makes the file and its folders, for their owner's eyes only, and their names durable. SQLite's side files follow its mode. */
const makeFile = (file: string): void => {
  if (existsSync(file)) return;
  const folder = dirname(file);
  try {
    const madeFirst = mkdirSync(folder, { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "a", 0o600));
    syncFolder(folder);
    for (let made = folder; madeFirst !== undefined && made.length >= madeFirst.length; made = dirname(made))
      syncFolder(dirname(made));
  } catch (cause) {
    throw new StoreStartError(
      file,
      `cannot be made: ${(cause as Error).message}`,
      "check the folder's owner and free space (see HEDDLE_DATA).",
      {
        cause,
      },
    );
  }
};

const checkPages = (database: Database.Database): void => {
  const verdict = database.pragma("quick_check(1)", { simple: true });
  if (verdict !== "ok") throw new DamagedPages(String(verdict));
};

class DamagedPages extends Error {}

/**
 * Plans are those that the tests look at. Statistics would change them with the age of a file: those of a young one say that an index
 * is not worth its use, and nothing of the index that a later migration adds (sqlite.org/queryplanner-ng.html#qpg).
 */
const forgetStatistics = (database: Database.Database): void => {
  database.exec("DROP TABLE IF EXISTS sqlite_stat1; DROP TABLE IF EXISTS sqlite_stat4;");
};

const damaged = (file: string, verdict: string, cause?: unknown): StoreStartError =>
  new StoreStartError(file, `is damaged: ${verdict}`, restore(file), { cause });

const WAL_ATTEMPTS = 50;
const WAL_RETRY_MS = 20;

const useWriteAheadLog = async (
  database: Database.Database,
  file: string,
  { timers }: Pick<Runtime, "timers">,
): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      const mode = database.pragma("journal_mode = WAL", { simple: true });
      if (mode === "wal") return;
      throw new StoreStartError(
        file,
        "is on a file system without shared memory.",
        "put it on a local disk (see HEDDLE_DATA).",
      );
    } catch (error) {
      // SQLite does not wait for a lock here; another process makes the same switch just now.
      if (!isSqliteError(error, "SQLITE_BUSY") || attempt === WAL_ATTEMPTS) throw error;
      await timers.sleep(WAL_RETRY_MS);
    }
  }
};

const startErrorFrom = (cause: unknown, file: string): unknown => {
  if (cause instanceof DamagedPages || isSqliteError(cause, "SQLITE_CORRUPT")) {
    return damaged(file, (cause as Error).message, cause);
  }
  if (isSqliteError(cause, "SQLITE_NOTADB")) {
    return new StoreStartError(file, "is not a SQLite database, or its first page is damaged.", restore(file), {
      cause,
    });
  }
  if (isSqliteError(cause, "SQLITE_BUSY")) {
    return new StoreStartError(
      file,
      `was kept locked by another process for ${START_LOCK_WAIT_MS / 1_000} s.`,
      `find it with \`fuser ${file}\`, end it, and start again.`,
      { cause },
    );
  }
  if (
    isSqliteError(cause, "SQLITE_CANTOPEN") ||
    isSqliteError(cause, "SQLITE_READONLY") ||
    isSqliteError(cause, "SQLITE_IOERR")
  ) {
    return new StoreStartError(
      file,
      `cannot be used: ${(cause as Error).message}`,
      "check its owner, its mode and the disk.",
      { cause },
    );
  }
  return cause;
};

const restore = (file: string): string =>
  `move ${file}, ${file}-wal and ${file}-shm aside together, copy a backup made by \`heddle backup\` to ${file}, and start again.`;
