import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { Clock } from "../runtime/index.ts";
import type { Connection } from "./connection.ts";
import { appendEvent } from "./events.ts";
import type { Job } from "./job.ts";
import type { Snapshot } from "./read-pool.ts";
import type { Params, Statement } from "./statement.ts";
import type { Reader, Tx } from "./store.ts";

// The methods are async so that jobs also run on a database that is away; here each has happened when it returns.

/** What a read job gets. */
export class SnapshotReader implements Reader {
  readonly #snapshot: Snapshot;
  readonly #job: Job;

  constructor(snapshot: Snapshot, job: Job) {
    this.#snapshot = snapshot;
    this.#job = job;
  }

  async get<P extends Params, R>(statement: Statement<P, R>, params: P): Promise<R | undefined> {
    try {
      return this.#connection().get(statement, params);
    } catch (error) {
      this.#snapshot.suspect = true;
      throw error;
    }
  }

  async all<P extends Params, R>(statement: Statement<P, R>, params: P): Promise<R[]> {
    try {
      return this.#connection().all(statement, params);
    } catch (error) {
      this.#snapshot.suspect = true;
      throw error;
    }
  }

  #connection(): Connection {
    this.#job.assertRunning();
    const { connection, suspect } = this.#snapshot;
    this.#snapshot.taken = true;
    // On some errors SQLite ends a transaction by itself, and with it that of every job that shares it.
    if (suspect && !connection.inTransaction)
      throw new Error(`${this.#job.name}: SQLite has ended the transaction of this read`);
    return connection;
  }
}

/** What a write job gets. */
export class Transaction implements Tx {
  readonly #connection: Connection;
  readonly #job: Job;
  readonly #clock: Clock;
  #failure: { readonly error: unknown } | undefined;
  #published = false;

  constructor(connection: Connection, job: Job, clock: Clock) {
    this.#connection = connection;
    this.#job = job;
    this.#clock = clock;
  }

  async get<P extends Params, R>(statement: Statement<P, R>, params: P): Promise<R | undefined> {
    return this.#attempt(() => this.#connection.get(statement, params));
  }

  async all<P extends Params, R>(statement: Statement<P, R>, params: P): Promise<R[]> {
    return this.#attempt(() => this.#connection.all(statement, params));
  }

  async run<P extends Params>(statement: Statement<P, unknown>, params: P): Promise<number> {
    return this.#attempt(() => this.#connection.run(statement, params));
  }

  publish<E extends DescMessage>(event: E, message: MessageInitShape<E>): Promise<void> {
    const published = this.#publish(event, message);
    // A change without its event must not be kept, even where nobody awaits `publish`: the write itself rejects then.
    published.catch(() => undefined);
    return published;
  }

  /** True when it holds an event. */
  get published(): boolean {
    return this.#published;
  }

  /** Throws what makes the transaction impossible to commit, even if the job has caught it. */
  assertWhole(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #publish<E extends DescMessage>(event: E, message: MessageInitShape<E>): Promise<void> {
    this.#attempt(() => {
      try {
        appendEvent(this.#connection, event, message, this.#clock.nowMs());
        this.#published = true;
      } catch (error) {
        this.#failure ??= { error };
        throw error;
      }
    });
  }

  #attempt<T>(work: () => T): T {
    this.#job.assertRunning();
    this.assertWhole();
    try {
      return work();
    } catch (error) {
      // On some errors (a full disk, no memory) SQLite rolls the whole transaction back by itself; what came after would
      // be committed alone (sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
      if (!this.#connection.inTransaction) this.#failure ??= { error };
      throw error;
    }
  }
}
