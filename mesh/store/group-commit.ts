import { AsyncResource } from "node:async_hooks";
import { fail } from "../contract/fail.ts";
import type { Runtime } from "../runtime/index.ts";
import type { Connection } from "./connection.ts";
import { COMMIT_FAILED, isSqliteError, STORE_BROKEN, STORE_OVERLOADED } from "./errors.ts";
import {
  BATCH_SLICE_MS_MAX,
  GUARDED_BATCHES,
  JOBS_PER_BATCH_MAX,
  RETRY_DELAY_MS,
  WRITE_JOBS_WAITING_MAX,
  WRITE_WAIT_MS_MAX,
} from "./limits.ts";
import type { WriteLock } from "./write-lock.ts";

export interface GroupCommitDeps {
  /** The service that owns the store, for messages. */
  readonly service: string;
  readonly writer: Connection;
  readonly lock: WriteLock;
  /** Makes durable what was committed, by this process and by others. */
  readonly disk: {
    /** Others have committed what may not be on the disk. */
    readonly undurable: boolean;
    /** Resolves when all that was committed before the call is on the disk. */
    sync(): Promise<void>;
  };
  /** Keeps readers, from before a commit until after its sync, at what is on the disk. */
  readonly readers: { hold(): void; release(): void };
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  /** Called once, when what the disk holds is not known any more. */
  readonly onBroken: (cause: unknown) => void;
  /** Called after each sync, before the jobs that it covers are answered. */
  readonly onSynced: () => void;
}

interface Entry {
  readonly job: () => unknown;
  /** That of whoever asked for the job, which runs in it. */
  readonly context: AsyncResource;
  readonly sinceMs: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  result: unknown;
  failure: { readonly error: unknown } | undefined;
}

/**
 * The one writer. Jobs that wait when the event loop comes round are one batch: one transaction, one commit, one sync of
 * the write-ahead log beside the event loop, and then the answers, those of failed jobs among them, which may rest on what an earlier
 * job of the batch has written. A job that fails is undone alone. While a sync is under way the next batch collects.
 */
export class GroupCommit {
  readonly #deps: GroupCommitDeps;
  #waiting: Entry[] = [];
  /** A batch is scheduled or under way. */
  #running = false;
  /** Its jobs have been taken out of `#waiting`. */
  #underWay = false;
  #paused = false;
  #onPaused: (() => void) | undefined;
  #broken: { readonly cause: unknown } | undefined;
  /** Batches that are still to be guarded, since a job had to be undone not long ago. */
  #guardedLeft = 0;
  /** Batches belong to no call, whoever's job sets them off. */
  readonly #context = new AsyncResource("HeddleGroupCommit");

  constructor(deps: GroupCommitDeps) {
    this.#deps = deps;
  }

  /**
   * Runs `job` in a batch. Resolves to its result once that is on the disk; rejects, with nothing of it kept, when it throws. A job
   * may run twice, see `#oneByOne`, so that it must have no effect but on the database.
   */
  submit<T>(job: () => T | Promise<T>): Promise<T> {
    this.refuseBroken();
    const nowMs = this.#deps.runtime.clock.monotonicMs();
    this.#refuseOverload(nowMs);
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        job,
        context: new AsyncResource("HeddleWrite"),
        sinceMs: nowMs,
        resolve: resolve as (result: unknown) => void,
        reject,
        result: undefined,
        failure: undefined,
      });
      this.#schedule();
    });
  }

  /** Resolves when no transaction is open and none begins until `resume`; jobs wait meanwhile. */
  pause(): Promise<void> {
    this.#paused = true;
    return this.#running ? new Promise((resolve) => (this.#onPaused = resolve)) : Promise.resolve();
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /** An fsync that failed once is never trusted again: from here on every job is refused, and the process should end. */
  break(cause: unknown): Error {
    if (this.#broken === undefined) {
      this.#broken = { cause };
      this.#deps.onBroken(cause);
    }
    return fail(COMMIT_FAILED, { service: this.#deps.service }, { cause });
  }

  /** Throws once a commit has failed. */
  refuseBroken(): void {
    if (this.#broken !== undefined)
      throw fail(STORE_BROKEN, { service: this.#deps.service }, { cause: this.#broken.cause });
  }

  #refuseOverload(nowMs: number): void {
    const [oldest] = this.#waiting;
    if (oldest === undefined) return;
    const waiting = this.#waiting.length;
    // Jobs that wait for the next turn alone wait for no disk, however long this turn takes.
    const isSlow = this.#underWay && nowMs - oldest.sinceMs > WRITE_WAIT_MS_MAX;
    if (waiting < WRITE_JOBS_WAITING_MAX && !isSlow) return;
    throw fail(STORE_OVERLOADED, { service: this.#deps.service, waiting }, { retryDelayMs: RETRY_DELAY_MS });
  }

  #schedule(): void {
    if (this.#running || this.#paused || this.#waiting.length === 0) return;
    this.#running = true;
    // What else has arrived in this turn of the event loop joins the batch.
    this.#context.runInAsyncScope(() => this.#deps.runtime.timers.afterTurn(() => void this.#runBatch()));
  }

  async #runBatch(): Promise<void> {
    const batch = this.#waiting.splice(0, JOBS_PER_BATCH_MAX);
    this.#underWay = true;
    try {
      this.refuseBroken();
      const committed = await this.#transact(batch, this.#guardedLeft > 0);
      // A refusal, too, may rest on what another process has committed.
      if (committed || this.#deps.disk.undurable) await this.#sync();
      if (committed) this.#deps.onSynced();
    } catch (error) {
      for (const entry of batch) entry.failure = { error };
    }
    this.#deps.readers.release();
    for (const { resolve, reject, result, failure } of batch) {
      if (failure === undefined) resolve(result);
      else reject(failure.error);
    }
    this.#underWay = false;
    this.#running = false;
    this.#onPaused?.();
    this.#onPaused = undefined;
    this.#schedule();
  }

  /**
   * Runs the jobs in one transaction; true when something was committed. Throws what fails all of them. `guarded`: with a savepoint
   * for each job, which a job of two inserts feels as a third of its time. Without, a job that fails before it has written leaves
   * nothing to undo; where one fails after it has written, all is undone and run again, guarded.
   */
  async #transact(batch: readonly Entry[], guarded: boolean): Promise<boolean> {
    const { writer, lock, readers } = this.#deps;
    if (guarded) this.#guardedLeft -= 1;
    await lock.take();
    try {
      if (!(await this.#runJobs(batch, guarded))) {
        this.#rollback();
        return false;
      }
      readers.hold();
    } catch (error) {
      this.#rollback();
      if (error !== UNGUARDED) throw error;
      this.#guardedLeft = GUARDED_BATCHES;
      for (const entry of batch) entry.failure = undefined;
      return await this.#transact(batch, true);
    }
    try {
      writer.commit();
      lock.left();
      return true;
    } catch (error) {
      if (!REFUSED_COMMIT.some((code) => isSqliteError(error, code))) throw this.break(error);
      this.#rollback();
      // Which of the jobs has left a reference that leads nowhere (`DEFERRABLE INITIALLY DEFERRED`), SQLite does not say.
      if (batch.length > 1 && isSqliteError(error, "SQLITE_CONSTRAINT")) return await this.#oneByOne(batch);
      throw error;
    }
  }

  /** Each job again, in a transaction of its own, so that the one that makes the commit fail fails alone. One sync covers all. */
  async #oneByOne(batch: readonly Entry[]): Promise<boolean> {
    let committed = false;
    for (const entry of batch) {
      entry.failure = undefined;
      try {
        if (await this.#transact([entry], false)) committed = true;
      } catch (error) {
        if (this.broken) throw error;
        entry.failure = { error };
      }
    }
    return committed;
  }

  /** True when a job succeeded. Throws when SQLite has ended the whole transaction. */
  async #runJobs(batch: readonly Entry[], guarded: boolean): Promise<boolean> {
    const { clock, timers } = this.#deps.runtime;
    let kept = false;
    let sliceEndMs = clock.monotonicMs() + BATCH_SLICE_MS_MAX;
    for (const entry of batch) {
      if (clock.monotonicMs() > sliceEndMs) {
        await new Promise<void>((resolve) => timers.afterTurn(resolve));
        sliceEndMs = clock.monotonicMs() + BATCH_SLICE_MS_MAX;
      }
      // The only job is undone with its transaction.
      if (guarded) await this.#runGuarded(entry);
      else if (!(await this.#runUnguarded(entry)) && batch.length > 1) throw UNGUARDED;
      kept ||= entry.failure === undefined;
    }
    return kept;
  }

  /** False when the job has failed and something of it would be committed. */
  async #runUnguarded(entry: Entry): Promise<boolean> {
    const { writer } = this.#deps;
    const before = writer.writes;
    try {
      entry.result = await entry.context.runInAsyncScope(entry.job);
      return true;
    } catch (error) {
      if (!writer.inTransaction) throw error;
      entry.failure = { error };
      return writer.writes === before;
    }
  }

  async #runGuarded(entry: Entry): Promise<void> {
    const { writer } = this.#deps;
    writer.savepoint();
    try {
      entry.result = await entry.context.runInAsyncScope(entry.job);
    } catch (error) {
      // On some errors (a full disk, no memory) SQLite rolls the whole transaction back by itself
      // (sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
      if (!writer.inTransaction) throw error;
      writer.rollbackToSavepoint();
      entry.failure = { error };
    }
    writer.releaseSavepoint();
  }

  async #sync(): Promise<void> {
    try {
      await this.#deps.disk.sync();
    } catch (error) {
      throw this.break(error);
    }
  }

  #rollback(): void {
    try {
      this.#deps.writer.rollback();
    } catch (error) {
      throw this.break(error);
    }
    this.#deps.lock.left();
  }
}

/** A job has failed after it had written, and has no savepoint to go back to. */
const UNGUARDED = new Error("the batch is to be run again with savepoints");

/** Errors with which SQLite refuses a commit before anything of it was written. */
const REFUSED_COMMIT = ["SQLITE_CONSTRAINT", "SQLITE_BUSY", "SQLITE_FULL"];
