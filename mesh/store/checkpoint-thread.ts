// A thread of the store: makes checkpoints when it is told to. Started by checkpointer.ts.
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import { CHECKPOINT_WAIT_MS } from "./limits.ts";

export type CheckpointMode = "PASSIVE" | "RESTART";

/** `done`: all of the log is in the database, and for RESTART the next write starts it over. */
export type CheckpointAnswer =
  | { readonly done: boolean }
  | { readonly error: { readonly code: string; readonly message: string } };

const { file } = workerData as { file: string };
const database = new Database(file, { fileMustExist: true, timeout: CHECKPOINT_WAIT_MS });
database.pragma("synchronous = NORMAL");
// Pages go straight from the log to the file.
database.pragma("cache_size = 0");

const checkpoint = (mode: CheckpointMode): CheckpointAnswer => {
  try {
    const [result] = database.pragma(`wal_checkpoint(${mode})`) as {
      busy: number;
      log: number;
      checkpointed: number;
    }[];
    return { done: result !== undefined && result.busy === 0 && result.log === result.checkpointed };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return { error: { code: code ?? "", message } };
  }
};

parentPort?.on("message", (mode: CheckpointMode) => parentPort?.postMessage(checkpoint(mode)));
