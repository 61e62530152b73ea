import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { Params, Statement } from "./statement.ts";

/** What a service sees of its own database. SQLite fills it, and later PostgreSQL. */
export interface Store {
  /** Runs `job` against one snapshot that contains every acknowledged write. */
  read<T>(job: (reader: Reader) => Promise<T>): Promise<T>;
  /**
   * Runs `job` in one transaction and resolves when its commit is on the disk; rejects with what the job threw, and then
   * nothing of it is kept. In a call that carries a request id, the value that the job returns must be the call's reply:
   * it is recorded in the same transaction, and a repeated call gets it back (`reply: "later"` for writes before the last).
   * The job may await nothing but its transaction, and may be run again from its start: it must have no effect besides.
   */
  write<T>(job: (tx: Tx) => Promise<T>, options?: WriteOptions): Promise<T>;
  /**
   * Calls `listener` after each commit that published events, once it is on the disk, and after every commit of another process, of
   * which it is not known what it holds. There may be nothing new; look with `eventsAfter`. The returned function ends it.
   */
  onEvents(listener: () => void): () => void;
  /** The reply recorded for a request id, or undefined. `method`: its full name, `customer.v1.CustomerService/CreateCustomer`. */
  findReply(method: string, requestId: string): Promise<RecordedReply | undefined>;
  /** Copies the database, consistent as of one moment, to `path`, which must not exist. */
  backup(path: string, progress?: BackupProgress): Promise<void>;
  /** Waits for running jobs, checkpoints and closes. Later jobs are refused. */
  close(): Promise<void>;
}

export interface WriteOptions {
  /** "later": this write is not the one that makes the call's reply. Default "now". */
  readonly reply?: "now" | "later";
}

export interface RecordedReply {
  readonly requestHash: Uint8Array;
  readonly reply: Uint8Array;
}

/** Told now and then how far a copy has come, in pages of the database. */
export type BackupProgress = (copied: { readonly pages: number; readonly total: number }) => void;

/** Reads rows. */
export interface Reader {
  /** The only row, or undefined. */
  get<P extends Params, R>(statement: Statement<P, R>, params: P): Promise<R | undefined>;
  all<P extends Params, R>(statement: Statement<P, R>, params: P): Promise<R[]>;
}

/** Reads and writes in one transaction. */
export interface Tx extends Reader {
  /** Runs a statement that returns no rows; resolves to the number of rows it changed. */
  run<P extends Params>(statement: Statement<P, unknown>, params: P): Promise<number>;
  /** Appends an event to the service's feed, in this transaction. Its key is the field that the contract's `event` option names. */
  publish<E extends DescMessage>(event: E, message: MessageInitShape<E>): Promise<void>;
}
