import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { contentsOf, differenceOf, type StoreContents } from "./contents.ts";
import { isSqliteError } from "./errors.ts";
import { APPLICATION_ID } from "./own-file.ts";
import { syncFolder } from "./wal-file.ts";

/** What became of the file that was there before. */
export interface Restored {
  /** The files that were moved aside, by their new names. */
  readonly movedAside: readonly string[];
  /** The last event of what was there before; undefined when nothing was, or it could not be read. */
  readonly lastEventBefore: number | undefined;
}

/** Throws unless the file `copy` is an undamaged store that holds just what `expected` says. */
export const verifyCopy = (copy: string, expected: StoreContents): void => {
  const database = new Database(copy, { readonly: true, fileMustExist: true });
  try {
    if (database.pragma("application_id", { simple: true }) !== APPLICATION_ID)
      throw new Error(`${copy} is not a database of a Heddle service.`);
    const verdict = database.pragma("integrity_check(1)", { simple: true });
    if (verdict !== "ok") throw new Error(`${copy} is damaged: ${verdict}`);
    const difference = differenceOf(expected, contentsOf(database));
    if (difference !== undefined) throw new Error(`${copy} is not what was backed up: ${difference}.`);
  } finally {
    database.close();
  }
};

/**
 * Puts `copy` in the place of `file`, on the disk when this returns. What was there is moved to `aside`, with its write-ahead log
 * where it cannot be read; nothing is lost. Throws, and changes nothing, while another process has `file` open. `rename`: the one
 * step that does it, where tests end a restore.
 */
export const restoreFile = (copy: string, file: string, aside: string, rename = renameSync): Restored => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const partial = `${file}.restoring`;
  reserve(partial);
  try {
    copyFileSync(copy, partial);
    syncFile(partial);
    const lastEventBefore = existsSync(file) ? takeFromUse(file) : undefined;
    // Linked, not moved: a process that ends in between must not leave no file, for which the service would begin a new one.
    const present = ["", "-wal", "-shm"].filter((suffix) => existsSync(`${file}${suffix}`));
    for (const suffix of present) linkSync(`${file}${suffix}`, `${aside}${suffix}`);
    syncFolder(dirname(file));
    // A log that is not the file's own must not be found beside it.
    for (const suffix of present) if (suffix !== "") rmSync(`${file}${suffix}`);
    syncFolder(dirname(file));
    rename(partial, file);
    syncFolder(dirname(file));
    return { movedAside: present.map((suffix) => `${aside}${suffix}`), lastEventBefore };
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
};

/** Makes the file, which keeps a second restore of the same database away, and its content private. */
const reserve = (partial: string): void => {
  try {
    closeSync(openSync(partial, "wx", 0o600));
  } catch (cause) {
    throw new Error(
      `${partial} cannot be made. Is another restore of it running, or has one crashed? Then remove the file.`,
      { cause },
    );
  }
};

/** Brings all of `file` into the one file, which only succeeds while nobody else has it open. Returns its last event. */
const takeFromUse = (file: string): number | undefined => {
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { fileMustExist: true, timeout: 0 });
    database.pragma("journal_mode = DELETE");
    return contentsOf(database).lastEventSequence;
  } catch (error) {
    if (isSqliteError(error, "SQLITE_BUSY") || isSqliteError(error, "SQLITE_LOCKED"))
      throw new Error(`${file} is open in another process.`, { cause: error });
    // A file that cannot be read is what backups are for: it is moved aside as it is.
    return undefined;
  } finally {
    database?.close();
  }
};

const syncFile = (path: string): void => {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
