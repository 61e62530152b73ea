import type { Connection } from "./connection.ts";

/** A moment of the database, as all jobs see it that run for one event. */
export interface Snapshot {
  readonly connection: Connection;
  /** Jobs that read from it now. */
  jobs: number;
  /** Jobs that may still enter. */
  entriesLeft: number;
  /** A statement has failed in it: SQLite may have ended it. */
  suspect: boolean;
  /** Nobody enters any more: something was committed since, the event is over, a job failed, or it has served enough. */
  stale: boolean;
  /** Its connection is free for another one. */
  ended: boolean;
}

/** Jobs that one snapshot serves. */
const ENTRIES_MAX = 1_000;

/**
 * Read-only connections. Jobs that run for the same event share a snapshot, and with it a connection: to begin and end one for each
 * costs as much as a read. A snapshot is left when this process commits something, and before the next event, which may tell of
 * what another process has committed.
 */
export class ReadPool {
  readonly #open: () => Connection;
  readonly #connectionsMax: number;
  readonly #waitingMax: number;
  readonly #all: Connection[] = [];
  readonly #free: Connection[] = [];
  readonly #waiting: (() => void)[] = [];
  #current: Snapshot | undefined;

  constructor(options: { open: () => Connection; connectionsMax: number; waitingMax: number }) {
    this.#open = options.open;
    this.#connectionsMax = options.connectionsMax;
    this.#waitingMax = options.waitingMax;
  }

  /** True when as many jobs wait as may. */
  get full(): boolean {
    return this.#waiting.length >= this.#waitingMax;
  }

  /** Enters a snapshot; undefined when every connection is in an older one that is still read from: then `wait`. */
  enter(): Snapshot | undefined {
    const snapshot = this.#current ?? this.#begin();
    if (snapshot === undefined) return undefined;
    snapshot.jobs++;
    snapshot.entriesLeft--;
    // Reads that follow one another without any event between them must not go on for ever in one moment.
    if (snapshot.entriesLeft === 0) this.#retire(snapshot);
    return snapshot;
  }

  /** The same, as soon as a connection is free. Callers look at `full` first. */
  async wait(): Promise<Snapshot> {
    for (;;) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      try {
        const snapshot = this.enter();
        if (snapshot !== undefined) return snapshot;
      } catch (error) {
        // Those behind it try for themselves.
        this.#waiting.shift()?.();
        throw error;
      }
    }
  }

  /** A job has ended; one that failed may have met an error for which SQLite ends the transaction. */
  leave(snapshot: Snapshot, failed: boolean): void {
    snapshot.jobs--;
    if (failed) this.#retire(snapshot);
    this.#endIfUnused(snapshot);
  }

  /** Something was committed: whoever reads from now on must see it. */
  refresh(): void {
    if (this.#current !== undefined) this.#retire(this.#current);
  }

  /** Closes all connections; no job may be running. */
  close(): void {
    this.#free.length = 0;
    this.#current = undefined;
    for (const connection of this.#all.splice(0)) connection.close();
  }

  #begin(): Snapshot | undefined {
    const connection = this.#take();
    if (connection === undefined) return undefined;
    try {
      connection.begin();
    } catch (error) {
      this.#discard(connection);
      throw error;
    }
    const snapshot: Snapshot = {
      connection,
      jobs: 0,
      entriesLeft: ENTRIES_MAX,
      suspect: false,
      stale: false,
      ended: false,
    };
    this.#current = snapshot;
    // Node runs what is put off by a microtask once no microtask is left, and before it looks at any other event.
    queueMicrotask(() => process.nextTick(() => this.#retire(snapshot)));
    return snapshot;
  }

  #retire(snapshot: Snapshot): void {
    if (this.#current === snapshot) this.#current = undefined;
    snapshot.stale = true;
    this.#endIfUnused(snapshot);
  }

  #endIfUnused(snapshot: Snapshot): void {
    if (!snapshot.stale || snapshot.jobs > 0 || snapshot.ended) return;
    snapshot.ended = true;
    // Closed meanwhile, with the store.
    if (this.#all.length === 0) return;
    try {
      snapshot.connection.rollback();
      this.#free.push(snapshot.connection);
    } catch {
      this.#discard(snapshot.connection);
    }
    this.#waiting.shift()?.();
  }

  /** Gives up a connection that can neither begin nor end a transaction: another one is opened in its place. */
  #discard(connection: Connection): void {
    this.#all.splice(this.#all.indexOf(connection), 1);
    connection.close();
    this.#waiting.shift()?.();
  }

  #take(): Connection | undefined {
    // The one used last has the warmest page cache.
    const free = this.#free.pop();
    if (free !== undefined || this.#all.length >= this.#connectionsMax) return free;
    const opened = this.#open();
    this.#all.push(opened);
    return opened;
  }
}
