import { closeSync, type FSWatcher, fdatasync, fsyncSync, openSync, watch } from "node:fs";
import { dirname } from "node:path";

/** The write-ahead log of a database, by a descriptor of its own: to make what was committed durable beside the event loop. */
export interface WalFile {
  /** Resolves when all that was written to the log before the call is on the disk. Not to be called again before. */
  sync(): Promise<void>;
  /**
   * Calls back after writes to the log, of this process and of others, until the returned function is called; undefined where the system
   * has no room for one watch more.
   */
  watch(onWrite: () => void): (() => void) | undefined;
  /** Closes the descriptor; SQLite's own stays open. */
  close(): void;
}

/**
 * Opens the log of the database `file`, which a connection of this process must have open in WAL mode until `close`: as long as
 * one has, the log is never removed. SQLite holds no locks on it, so that closing another descriptor loses none.
 */
export const openWalFile = (file: string): WalFile => {
  const descriptor = openSync(`${file}-wal`, "r+");
  // A log whose name is lost in a power cut is lost whole; SQLite syncs the folder only with commits that sync by themselves.
  syncFolder(dirname(file));
  return {
    sync: () =>
      new Promise((resolve, reject) => {
        fdatasync(descriptor, (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      }),
    watch: (onWrite) => watchFile(`${file}-wal`, onWrite),
    close: () => closeSync(descriptor),
  };
};

const watchFile = (path: string, onWrite: () => void): (() => void) | undefined => {
  let watcher: FSWatcher;
  try {
    watcher = watch(path, { persistent: false }, onWrite);
  } catch {
    return undefined;
  }
  // One that ends by itself tells nothing more; whoever watches polls besides.
  watcher.on("error", () => watcher.close());
  return () => watcher.close();
};

/** Makes the names in a folder durable. */
export const syncFolder = (folder: string): void => {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
