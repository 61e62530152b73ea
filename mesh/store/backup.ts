import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import Database from "better-sqlite3";
import { type Connection, openReader } from "./connection.ts";
import { contentsOf, differenceOf, type StoreContents } from "./contents.ts";
import { LOCK_WAIT_MS } from "./limits.ts";
import type { BackupProgress } from "./store.ts";

/**
 * Copies the database of `reader`, which may be written meanwhile, to `path`: one file, consistent as of the moment of the
 * call, checked and on the disk when this resolves. `path` appears only then; a copy that fails leaves nothing. Rejects when
 * `path` exists. Closes `reader`, which must be used for nothing else.
 */
export const backupFrom = async (
  reader: Connection,
  path: string,
  progress?: BackupProgress,
): Promise<StoreContents> => {
  try {
    // Holds one snapshot for the whole copy. Without it, SQLite starts over whenever another connection has written
    // (sqlite.org/backup.html), which may be forever; with it, only the write-ahead log grows until the copy is made.
    reader.begin();
    reader.takeSnapshot();
    return await copy(reader.database, resolve(path), progress);
  } finally {
    reader.close();
  }
};

/**
 * Copies the database file of a service, whether it runs or not, as `backupFrom` does; resolves to what the copy holds. For programs
 * other than the service.
 */
export const backupFile = async (file: string, path: string, progress?: BackupProgress): Promise<StoreContents> => {
  if (!existsSync(file)) throw new Error(`${resolve(file)} does not exist; there is nothing to back up.`);
  return backupFrom(openReader(file, LOCK_WAIT_MS), path, progress);
};

const copy = async (
  source: Database.Database,
  target: string,
  progress: BackupProgress = () => undefined,
): Promise<StoreContents> => {
  if (existsSync(target))
    throw new Error(`${target} exists already; a backup overwrites nothing. Choose another path.`);
  const partial = `${target}.partial`;
  reserve(partial);
  try {
    const contents = contentsOf(source);
    await source.backup(partial, {
      progress: ({ totalPages, remainingPages }) => {
        progress({ pages: totalPages - remainingPages, total: totalPages });
        return PAGES_PER_TURN;
      },
    });
    checkCopy(partial, contents);
    sync(partial);
    renameSync(partial, target);
    sync(dirname(target));
    return contents;
  } catch (error) {
    for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${partial}${suffix}`, { force: true });
    throw error;
  }
};

/** 400 KiB: what is copied before sockets are served again. */
const PAGES_PER_TURN = 100;

/** Makes the file, which keeps a second backup to the same path away, and its content private. */
const reserve = (partial: string): void => {
  try {
    closeSync(openSync(partial, "wx", 0o600));
  } catch (cause) {
    throw new Error(
      `${partial} cannot be made. Is another backup to it running, or has one crashed? Then remove the file.`,
      { cause },
    );
  }
};

const checkCopy = (partial: string, expected: StoreContents): void => {
  const copy = new Database(partial, { fileMustExist: true });
  try {
    // Without a write-ahead log of its own, the copy is whole in one file.
    copy.pragma("journal_mode = DELETE");
    const verdict = copy.pragma("integrity_check(1)", { simple: true });
    if (verdict !== "ok") throw new Error(`The copy is damaged, and so is the database, probably: ${verdict}`);
    const difference = differenceOf(expected, contentsOf(copy));
    if (difference !== undefined) throw new Error(`The copy is not what it was made from: ${difference}.`);
  } finally {
    copy.close();
  }
};

const sync = (path: string): void => {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
