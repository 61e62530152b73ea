import { Worker } from "node:worker_threads";
import type { Runtime, Timer } from "../runtime/index.ts";
import type { CheckpointAnswer, CheckpointMode } from "./checkpoint-thread.ts";
import type { Connection } from "./connection.ts";
import { isCode } from "./errors.ts";
import type { GroupCommit } from "./group-commit.ts";
import { BATCHES_PER_WAL_CHECK, CHECKPOINT_THREAD_IDLE_MS, WAL_CHECKPOINT_BYTES, WAL_RESTART_BYTES } from "./limits.ts";

/** Where checkpoints are made: a checkpoint waits for the disk several times. */
export interface CheckpointThread {
  checkpoint(mode: CheckpointMode): Promise<CheckpointAnswer>;
  /** Resolves when nothing of it runs any more. */
  close(): Promise<void>;
}

/**
 * Keeps the write-ahead log short. Each time it has grown, what it holds goes to the database while writes go on; when it is long, writes
 * are held back for as long as the rest takes, and it starts over. A reader that stays in an old snapshot, such as a backup, keeps it
 * from doing so: it is tried again when the log has grown by as much once more.
 */
export class Checkpointer {
  readonly #writer: Connection;
  readonly #writes: GroupCommit;
  readonly #thread: CheckpointThread;
  readonly #pageBytes: number;
  #batches = 0;
  #checkpointBytes = WAL_CHECKPOINT_BYTES;
  #restartBytes = WAL_RESTART_BYTES;
  #lastBytes = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(deps: { writer: Connection; writes: GroupCommit; thread: CheckpointThread }) {
    this.#writer = deps.writer;
    this.#writes = deps.writes;
    this.#thread = deps.thread;
    this.#pageBytes = deps.writer.database.pragma("page_size", { simple: true }) as number;
  }

  /** Looks now and then how full the log is. Throws nothing: the batch is on the disk, whatever the look meets. */
  batchDone(): void {
    this.#batches++;
    if (this.#batches % BATCHES_PER_WAL_CHECK !== 0 || this.#running !== undefined || this.#closed) return;
    const bytes = this.#walBytes();
    if (bytes === undefined) return;
    if (bytes < this.#lastBytes) this.#startOver();
    this.#lastBytes = bytes;
    if (bytes < this.#checkpointBytes) return;
    this.#running = this.#checkpoint(bytes).finally(() => {
      this.#running = undefined;
    });
  }

  /** Waits for a checkpoint that runs. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#thread.close();
  }

  #walBytes(): number | undefined {
    try {
      return this.#writer.walPages() * this.#pageBytes;
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      this.#failed({ code: code ?? "", message });
      return undefined;
    }
  }

  async #checkpoint(bytes: number): Promise<void> {
    this.#checkpointBytes = bytes + WAL_CHECKPOINT_BYTES;
    await this.#try("PASSIVE");
    if (bytes < this.#restartBytes) return;
    await this.#writes.pause();
    const restarted = this.#writes.broken ? false : await this.#try("RESTART");
    this.#writes.resume();
    if (restarted) this.#startOver();
    else this.#restartBytes = bytes + WAL_RESTART_BYTES;
  }

  #startOver(): void {
    this.#checkpointBytes = WAL_CHECKPOINT_BYTES;
    this.#restartBytes = WAL_RESTART_BYTES;
    this.#lastBytes = 0;
  }

  /** True when all of the log is in the database. */
  async #try(mode: CheckpointMode): Promise<boolean> {
    const answer = await this.#thread.checkpoint(mode).catch(notMade);
    if (!("error" in answer)) return answer.done;
    this.#failed(answer.error);
    return false;
  }

  /** The log is whole, whatever a checkpoint fails with, unless the disk did: what it holds is not known then. */
  #failed({ code, message }: { readonly code: string; readonly message: string }): void {
    if (DISK_FAILED.some((each) => isCode(code, each))) this.#writes.break(Object.assign(new Error(message), { code }));
  }
}

/** Stands for SQLite's code when the thread itself has failed. */
const ENDED = "THREAD_ENDED";

/** Writes must go on, whatever keeps the thread from its work. */
const notMade = ({ message }: Error): CheckpointAnswer => ({ error: { code: ENDED, message } });

const DISK_FAILED = ["SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB"];

/** A thread with a connection of its own, started when a checkpoint is due, and ended when none has been for a while. */
export const openCheckpointThread = (file: string, { timers }: Pick<Runtime, "timers">): CheckpointThread => {
  let worker: Worker | undefined;
  let idle: Timer | undefined;
  const end = async () => {
    const ending = worker;
    worker = undefined;
    idle?.cancel();
    await ending?.terminate();
  };
  return {
    async checkpoint(mode) {
      idle?.cancel();
      worker ??= startWorker(file);
      const answer = await ask(worker, mode);
      // One that has ended answers nobody any more.
      if ("error" in answer && answer.error.code === ENDED) await end();
      idle = timers.after(CHECKPOINT_THREAD_IDLE_MS, () => void end());
      return answer;
    },
    close: end,
  };
};

const startWorker = (file: string): Worker => {
  // Sources run as they are, the package as it was built.
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  const worker = new Worker(new URL(`./checkpoint-thread${extension}`, import.meta.url), { workerData: { file } });
  worker.unref();
  return worker;
};

const ask = (worker: Worker, mode: CheckpointMode): Promise<CheckpointAnswer> =>
  new Promise((resolve) => {
    const answered = (answer: CheckpointAnswer) => {
      worker.off("error", failed).off("exit", ended);
      resolve(answer);
    };
    const failed = (error: Error) => answered({ error: { code: ENDED, message: error.message } });
    const ended = () => failed(new Error("the thread has ended"));
    worker.once("message", answered).once("error", failed).once("exit", ended);
    worker.postMessage(mode);
  });
