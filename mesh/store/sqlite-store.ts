import { fail } from "../contract/fail.ts";
import { type Call, currentCall } from "../rpc/call.ts";
import type { Runtime } from "../runtime/index.ts";
import { backupFrom } from "./backup.ts";
import type { Connection } from "./connection.ts";
import {
  COMMIT_FAILED,
  callErrorFrom,
  isSqliteError,
  STORE_BROKEN,
  STORE_CLOSED,
  STORE_OVERLOADED,
  TOO_LATE,
} from "./errors.ts";
import { currentMethod, Job, refuseInsideJob, runJob, runReadJob, TurnWatch } from "./job.ts";
import {
  READ_CONNECTIONS_MAX,
  READ_JOBS_WAITING_MAX,
  REPLY_KEPT_MS,
  RETRY_DELAY_MS,
  WRITE_JOBS_WAITING_MAX,
} from "./limits.ts";
import { ReadPool, type Snapshot } from "./read-pool.ts";
import { findRecordedReply, recordReply, refuseApplied, sweepSome } from "./recorded-replies.ts";
import type { BackupProgress, Reader, RecordedReply, Store, Tx, WriteOptions } from "./store.ts";
import { SnapshotReader, Transaction } from "./transaction.ts";
import { WriteQueue } from "./write-queue.ts";

export interface SqliteStoreDeps {
  /** The service that owns the store, for messages. */
  readonly service: string;
  readonly writer: Connection;
  readonly openReader: () => Connection;
  readonly runtime: Pick<Runtime, "clock">;
  readonly onFatal: (error: unknown) => void;
}

/** A Store in one SQLite file: one connection that writes, a few that read. Made by `openStore`. */
export class SqliteStore implements Store {
  readonly #deps: SqliteStoreDeps;
  readonly #writes = new WriteQueue(WRITE_JOBS_WAITING_MAX);
  readonly #reads: ReadPool;
  readonly #turns = new TurnWatch();
  readonly #eventListeners = new Set<() => void>();
  /** Jobs and backups that were admitted and have not settled. */
  #active = 0;
  #onIdle: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  /** Set once a commit has failed: what the disk holds is not known any more, until it is opened anew. */
  #broken: { readonly cause: unknown } | undefined;

  constructor(deps: SqliteStoreDeps) {
    this.#deps = deps;
    this.#reads = new ReadPool({
      open: deps.openReader,
      connectionsMax: READ_CONNECTIONS_MAX,
      waitingMax: READ_JOBS_WAITING_MAX,
    });
  }

  read<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#refuseClosed();
      refuseInsideJob("read");
      if (this.#reads.full) throw this.#overloaded(READ_JOBS_WAITING_MAX);
      this.#active += 1;
      const fail = (error: unknown) => {
        this.#settled();
        reject(callErrorFrom(error, this.#deps.service));
      };
      try {
        const snapshot = this.#reads.enter();
        if (snapshot !== undefined) this.#readIn(snapshot, work, resolve, fail);
        else this.#reads.wait().then((later) => this.#readIn(later, work, resolve, fail), fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Written without `await`, which would cost as much as the read. */
  #readIn<T>(
    snapshot: Snapshot,
    work: (reader: Reader) => Promise<T>,
    resolve: (result: T) => void,
    reject: (error: unknown) => void,
  ): void {
    const failed = (error: unknown) => {
      this.#reads.leave(snapshot, true);
      reject(error);
    };
    try {
      refuseLate(currentCall(), this.#deps.runtime);
      const job = new Job("read");
      const done = (result: T) => {
        this.#reads.leave(snapshot, false);
        this.#settled();
        resolve(result);
      };
      runReadJob(job, () => work(new SnapshotReader(snapshot, job)), this.#turns, done, failed);
    } catch (error) {
      failed(error);
    }
  }

  write<T>(job: (tx: Tx) => Promise<T>, options: WriteOptions = {}): Promise<T> {
    return this.#admit(async () => {
      refuseInsideJob("write");
      return this.#exclusive(() => this.#transact(job, options));
    });
  }

  onEvents(listener: () => void): () => void {
    this.#eventListeners.add(listener);
    return () => void this.#eventListeners.delete(listener);
  }

  findReply(method: string, requestId: string): Promise<RecordedReply | undefined> {
    return this.read((reader) => reader.get(findRecordedReply, { method, requestId }));
  }

  /**
   * Deletes the replies to request ids that are older than REPLY_KEPT_MS, in small transactions; resolves to their number.
   * The owner of the process's timers calls it now and then.
   */
  async sweepReplies(): Promise<number> {
    const beforeMs = this.#deps.runtime.clock.nowMs() - REPLY_KEPT_MS;
    let total = 0;
    for (;;) {
      const { deleted, more } = await this.#admit(() =>
        this.#exclusive(async () => this.#commitAfter(() => sweepSome(this.#deps.writer, beforeMs))),
      );
      total += deleted;
      if (!more) return total;
    }
  }

  backup(path: string, progress?: BackupProgress): Promise<void> {
    return this.#admit(async () => backupFrom(this.#deps.openReader(), path, progress));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#reads.close();
    // A last close checkpoints, which trusts a disk that failed once; the end of the process closes it without.
    if (this.#broken !== undefined) return;
    const { writer } = this.#deps;
    try {
      // Both are left to another process where one uses the file; waiting for it would hold up the end of this one.
      writer.database.pragma("busy_timeout = 0");
      writer.database.pragma("optimize");
      writer.database.pragma("wal_checkpoint(TRUNCATE)");
    } catch (error) {
      if (!isSqliteError(error, "SQLITE_BUSY")) throw error;
    } finally {
      writer.close();
    }
  }

  /** Counts `work` as running until it settles, and refuses it when the store takes no more. */
  async #admit<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
    this.#active += 1;
    try {
      return await work();
    } catch (error) {
      throw callErrorFrom(error, this.#deps.service);
    } finally {
      this.#settled();
    }
  }

  #settled(): void {
    this.#active -= 1;
    if (this.#active === 0) this.#onIdle?.();
  }

  #refuseClosed(): void {
    if (this.#closed !== undefined) throw fail(STORE_CLOSED, { service: this.#deps.service });
    this.#refuseBroken();
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#writes.full) throw this.#overloaded(WRITE_JOBS_WAITING_MAX);
    return this.#writes.run(() => {
      this.#refuseBroken();
      return work();
    });
  }

  async #transact<T>(work: (tx: Tx) => Promise<T>, options: WriteOptions): Promise<T> {
    const { writer, runtime } = this.#deps;
    const call = currentCall();
    refuseLate(call, runtime);
    const replay = options.reply === "later" ? undefined : call?.replay;
    const job = new Job("write");
    let published = false;
    const result = await this.#commitAfter(async () => {
      if (replay !== undefined) refuseApplied(writer, job.name, replay);
      const tx = new Transaction(writer, job, runtime.clock);
      const made = await runJob(job, () => work(tx), this.#turns);
      tx.assertWhole();
      if (replay !== undefined) recordReply(writer, job.name, replay, made, runtime.clock.nowMs());
      published = tx.published;
      return made;
    });
    if (replay !== undefined) replay.recorded = true;
    if (published) for (const listener of this.#eventListeners) listener();
    return result;
  }

  /** Runs `work` in a transaction that is on the disk when this resolves, and undone when it rejects. */
  async #commitAfter<T>(work: () => T | Promise<T>): Promise<T> {
    const { writer } = this.#deps;
    writer.begin();
    let result: T;
    try {
      result = await work();
    } catch (error) {
      this.#rollback();
      throw error;
    }
    try {
      writer.commit();
    } catch (error) {
      if (!REFUSED_COMMIT.some((code) => isSqliteError(error, code))) throw this.#break(error);
      this.#rollback();
      throw error;
    }
    this.#reads.refresh();
    return result;
  }

  #rollback(): void {
    try {
      this.#deps.writer.rollback();
    } catch (error) {
      throw this.#break(error);
    }
  }

  /** An fsync that failed once is never trusted again: from here on every job is refused, and the process should end. */
  #break(cause: unknown): Error {
    if (this.#broken === undefined) {
      this.#broken = { cause };
      this.#deps.onFatal(cause);
    }
    return fail(COMMIT_FAILED, { service: this.#deps.service }, { cause });
  }

  #refuseBroken(): void {
    if (this.#broken !== undefined)
      throw fail(STORE_BROKEN, { service: this.#deps.service }, { cause: this.#broken.cause });
  }

  #overloaded(waiting: number): Error {
    return fail(STORE_OVERLOADED, { service: this.#deps.service, waiting }, { retryDelayMs: RETRY_DELAY_MS });
  }
}

/** Errors with which SQLite refuses a commit before anything of it was written. */
const REFUSED_COMMIT = ["SQLITE_CONSTRAINT", "SQLITE_BUSY", "SQLITE_FULL"];

/** Work that nobody waits for any more is not begun. */
const refuseLate = (call: Call | undefined, { clock }: Pick<Runtime, "clock">): void => {
  if (call === undefined) return;
  if (call.aborted) call.signal.throwIfAborted();
  // The signal of a deadline fires when the event loop gets to it, which may be later.
  if (call.deadlineMs !== undefined && clock.monotonicMs() >= call.deadlineMs)
    throw fail(TOO_LATE, { method: currentMethod() });
};
