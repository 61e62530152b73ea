import { AsyncResource } from "node:async_hooks";
import { fail } from "../contract/fail.ts";
import { currentCall, type Replay } from "../rpc/call.ts";
import { type Clock, clockOfTurns, type Runtime } from "../runtime/index.ts";
import { backupFrom } from "./backup.ts";
import { Checkpointer, type CheckpointThread } from "./checkpointer.ts";
import { CommitWatch } from "./commit-watch.ts";
import type { Connection } from "./connection.ts";
import { callErrorFrom, isSqliteError, STORE_CLOSED, STORE_OVERLOADED } from "./errors.ts";
import { ForeignCommits } from "./foreign-commits.ts";
import { GroupCommit } from "./group-commit.ts";
import { Job, refuseInsideJob, refuseLate, runJob, runReadJob, TurnWatch } from "./job.ts";
import { READ_CONNECTIONS_MAX, READ_JOBS_WAITING_MAX, REPLY_KEPT_MS, RETRY_DELAY_MS } from "./limits.ts";
import type { PageCheck } from "./page-check.ts";
import { ReadPool, type Snapshot } from "./read-pool.ts";
import { findRecordedReply, recordReply, refuseApplied, sweepSome } from "./recorded-replies.ts";
import { sharedSync } from "./shared-sync.ts";
import type { BackupProgress, Reader, RecordedReply, Store, Tx, WriteOptions } from "./store.ts";
import { SnapshotReader, Transaction } from "./transaction.ts";
import type { WalFile } from "./wal-file.ts";
import { WriteLock } from "./write-lock.ts";

export interface SqliteStoreDeps {
  /** The service that owns the store, for messages. */
  readonly service: string;
  readonly writer: Connection;
  readonly openReader: () => Connection;
  readonly wal: WalFile;
  readonly checkpoints: CheckpointThread;
  /** Begins to check a file that is too large to be checked before it is served. */
  readonly startPageCheck: (onDamage: (error: Error) => void) => PageCheck | undefined;
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  readonly onFatal: (error: unknown) => void;
}

/** A Store in one SQLite file: one connection that writes, a few that read. Made by `openStore`. */
export class SqliteStore implements Store {
  readonly #deps: SqliteStoreDeps;
  readonly #writes: GroupCommit;
  readonly #reads: ReadPool;
  readonly #lock: WriteLock;
  readonly #foreign: ForeignCommits;
  readonly #watch: CommitWatch;
  readonly #checkpoints: Checkpointer;
  readonly #pageCheck: PageCheck | undefined;
  readonly #turns = new TurnWatch();
  readonly #arrivals: Pick<Clock, "monotonicMs">;
  /** Jobs and backups that were admitted and have not settled. */
  #active = 0;
  #onIdle: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  readonly #listeners = new Set<() => void>();
  /** A job of the present batch has published. */
  #published = false;

  constructor(deps: SqliteStoreDeps) {
    this.#deps = deps;
    this.#arrivals = clockOfTurns(deps.runtime.clock);
    this.#lock = new WriteLock(deps.writer, deps.runtime);
    this.#foreign = new ForeignCommits({
      version: () => deps.writer.dataVersion(),
      sync: sharedSync(deps.wal.sync),
    });
    this.#reads = new ReadPool({
      open: deps.openReader,
      connectionsMax: READ_CONNECTIONS_MAX,
      waitingMax: READ_JOBS_WAITING_MAX,
      foreign: this.#foreign,
    });
    this.#watch = new CommitWatch({
      watchLog: (onWrite) => deps.wal.watch(onWrite),
      notice: () => this.#foreign.notice(),
      timers: deps.runtime.timers,
      onCommit: () => this.#tellListeners(),
    });
    this.#writes = new GroupCommit({
      service: deps.service,
      writer: deps.writer,
      lock: this.#lock,
      disk: this.#foreign,
      readers: this.#reads,
      runtime: deps.runtime,
      onBroken: deps.onFatal,
      onSynced: () => this.#synced(),
    });
    this.#checkpoints = new Checkpointer({
      writer: deps.writer,
      writes: this.#writes,
      thread: deps.checkpoints,
    });
    this.#pageCheck = deps.startPageCheck((error) => void this.#writes.break(error));
  }

  read<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    return this.#read(work, true);
  }

  /** The same for what may be taken back by a power cut: it waits for no disk, whatever other processes have committed. */
  peek<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    return this.#read(work, false);
  }

  /**
   * Says whether other processes use the file. While they do, their commits are told of by `onEvents`, and the write lock is left free
   * between batches. Answers rest on what is on the disk in either case.
   */
  share(shared: boolean): void {
    this.#lock.shared = shared;
    if (shared && this.#closed === undefined) this.#watch.start();
    else this.#watch.stop();
  }

  #read<T>(work: (reader: Reader) => Promise<T>, durably: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#refuseClosed();
      refuseInsideJob("read");
      if (this.#reads.full) throw this.#overloaded();
      this.#active += 1;
      const fail = (error: unknown) => {
        this.#settled();
        reject(callErrorFrom(error, this.#deps.service));
      };
      try {
        const snapshot = this.#reads.enter();
        if (snapshot !== undefined) this.#readIn(snapshot, work, durably, resolve, fail);
        else this.#reads.wait().then((later) => this.#readIn(later, work, durably, resolve, fail), fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Written without `await`, which would cost as much as the read. */
  #readIn<T>(
    snapshot: Snapshot,
    work: (reader: Reader) => Promise<T>,
    durably: boolean,
    resolve: (result: T) => void,
    reject: (error: unknown) => void,
  ): void {
    const failed = (error: unknown) => {
      const wait = durably && this.#isUndurable(snapshot);
      this.#reads.leave(snapshot, true);
      if (wait) this.#syncForeign().then(() => reject(error), reject);
      else reject(error);
    };
    try {
      this.#writes.refuseBroken();
      refuseLate(currentCall(), this.#arrivals);
      const job = new Job("read");
      const answer = (result: T) => {
        this.#settled();
        resolve(result);
      };
      const done = (result: T) => {
        const wait = durably && this.#isUndurable(snapshot);
        this.#reads.leave(snapshot, false);
        if (wait) this.#syncForeign().then(() => answer(result), reject);
        else answer(result);
      };
      runReadJob(job, () => work(new SnapshotReader(snapshot, job)), this.#turns, done, failed);
    } catch (error) {
      failed(error);
    }
  }

  /** True when something was read in `snapshot` that another process has committed, and that may not be on the disk. */
  #isUndurable(snapshot: Snapshot): boolean {
    if (!snapshot.taken || snapshot.durable) return false;
    if (this.#foreign.undurable) return true;
    snapshot.durable = true;
    return false;
  }

  #syncForeign(): Promise<void> {
    return this.#foreign.syncSeen().catch((error: unknown) => {
      throw this.#writes.break(error);
    });
  }

  write<T>(job: (tx: Tx) => Promise<T>, options: WriteOptions = {}): Promise<T> {
    return this.#admit(async () => {
      refuseInsideJob("write");
      const replay = options.reply === "later" ? undefined : currentCall()?.replay;
      const result = await this.#writes.submit(() => this.#runIn(job, replay));
      if (replay !== undefined) replay.recorded = true;
      return result;
    });
  }

  onEvents(listener: () => void): () => void {
    // It belongs to whoever asked for it, not to the call whose write is told of.
    const bound = AsyncResource.bind(listener);
    this.#listeners.add(bound);
    return () => void this.#listeners.delete(bound);
  }

  findReply(method: string, requestId: string): Promise<RecordedReply | undefined> {
    return this.read((reader) => reader.get(findRecordedReply, { method, requestId }));
  }

  /**
   * Deletes the replies to request ids that are older than REPLY_KEPT_MS, in small jobs between those of callers, until there are no more
   * or `stop` aborts; resolves to their number. The owner of the process's timers calls it now and then.
   */
  async sweepReplies(stop?: AbortSignal): Promise<number> {
    const beforeMs = this.#deps.runtime.clock.nowMs() - REPLY_KEPT_MS;
    for (let total = 0; ; ) {
      const { deleted, more } = await this.#admit(() =>
        this.#writes.submit(() => sweepSome(this.#deps.writer, beforeMs)),
      );
      total += deleted;
      if (!more || stop?.aborted) return total;
    }
  }

  backup(path: string, progress?: BackupProgress): Promise<void> {
    return this.#admit(async () => void (await backupFrom(this.#deps.openReader(), path, progress)));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#pageCheck?.stop();
    this.#watch.stop();
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await this.#checkpoints.close();
    this.#reads.close();
    const { writer, wal } = this.#deps;
    // A last close checkpoints, which trusts a disk that failed once; the end of the process closes it without.
    if (this.#writes.broken) return;
    try {
      // Both are left to another process where one uses the file; waiting for it would hold up the end of this one.
      writer.database.pragma("busy_timeout = 0");
      writer.database.pragma("wal_checkpoint(TRUNCATE)");
    } catch (error) {
      if (!isSqliteError(error, "SQLITE_BUSY")) throw error;
    } finally {
      writer.close();
      wal.close();
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
    this.#writes.refuseBroken();
  }

  /** Runs `work` in the transaction that is open; what it throws undoes all that it did. */
  async #runIn<T>(work: (tx: Tx) => Promise<T>, replay: Replay | undefined): Promise<T> {
    const { writer, runtime } = this.#deps;
    refuseLate(currentCall(), runtime.clock);
    const job = new Job("write");
    if (replay !== undefined) refuseApplied(writer, job.name, replay);
    const tx = new Transaction(writer, job, runtime.clock);
    const made = await runJob(job, () => work(tx), this.#turns);
    tx.assertWhole();
    if (replay !== undefined) recordReply(writer, job.name, replay, made, runtime.clock.nowMs());
    this.#published ||= tx.published;
    return made;
  }

  #synced(): void {
    this.#checkpoints.batchDone();
    if (!this.#published) return;
    this.#published = false;
    this.#tellListeners();
  }

  #tellListeners(): void {
    // A listener that throws is a defect of its own, not of the batch.
    for (const listener of this.#listeners) queueMicrotask(listener);
  }

  #overloaded(): Error {
    const { service } = this.#deps;
    return fail(STORE_OVERLOADED, { service, waiting: READ_JOBS_WAITING_MAX }, { retryDelayMs: RETRY_DELAY_MS });
  }
}
