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
  /** Nobody enters any more, unless it is held: something was committed since, the event is over, a job failed, or it has served enough. */
  stale: boolean;
  /** Its connection is free for another one. */
  ended: boolean;
  /** Something was read in it: SQLite takes a snapshot at the first read. */
  taken: boolean;
  /** All that can be seen in it is on the disk. */
  durable: boolean;
}

/** What other processes have committed. */
export interface Foreign {
  /** A number that changes with each of their commits. */
  readonly version: number;
  /** Something of it is not known to be on the disk. */
  readonly undurable: boolean;
}

/** Jobs that one snapshot serves. */
const ENTRIES_MAX = 1_000;

/**
 * Read-only connections. Jobs that run for the same event share a snapshot, and with it a connection: to begin and end one for each
 * costs as much as a read. A snapshot is left before the next event, which may tell of what another process has committed, and when
 * something that this process has committed is on the disk. From before such a commit until then it is held: nobody sees more.
 */
export class ReadPool {
  readonly #open: () => Connection;
  readonly #connectionsMax: number;
  readonly #waitingMax: number;
  readonly #all: Connection[] = [];
  readonly #free: Connection[] = [];
  readonly #waiting: (() => void)[] = [];
  #current: Snapshot | undefined;
  /** What everybody enters while a commit is not on the disk yet. */
  #held: Snapshot | undefined;
  /** The version of what others had committed when it was held. */
  #heldVersion = 0;
  /** Whether others have committed since, as far as this event of the loop goes; undefined: nobody has looked in it. */
  #overtaken: boolean | undefined;
  readonly #foreign: Foreign;

  constructor(options: {
    open: () => Connection;
    connectionsMax: number;
    waitingMax: number;
    foreign: Foreign;
  }) {
    this.#foreign = options.foreign;
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
    const snapshot = this.#held ?? this.#current ?? this.#begin();
    if (snapshot === undefined) return undefined;
    // What another process has committed since may have been acknowledged there: whoever reads now waits for the release.
    if (snapshot === this.#held && this.#isOvertaken()) return undefined;
    // One that is held and that SQLite has ended cannot be had again: whoever reads now waits for its release.
    if (snapshot === this.#held && hasEnded(snapshot)) return undefined;
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

  /**
   * Keeps all readers at the present moment, those who come later as well: something is about to be committed that is not to be
   * seen before it is on the disk, by whoever has the write lock. Throws when that is not possible.
   */
  hold(): void {
    if (this.#held !== undefined) return;
    if (this.#current !== undefined && hasEnded(this.#current)) this.#retire(this.#current);
    const held = this.#current ?? this.#begin(Number.POSITIVE_INFINITY);
    // SQLite takes a snapshot at the first read only: those who have entered one and have not read yet must not see the commit.
    for (const connection of this.#all) if (connection.inTransaction) connection.takeSnapshot();
    this.#held = held;
    this.#heldVersion = this.#foreign.version;
    // Nobody else commits now, so that it holds nothing later.
    if (held !== undefined && !this.#foreign.undurable) held.durable = true;
  }

  /** What was committed since `hold` is on the disk, or undone: whoever reads from now on sees the newest. */
  release(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#retire(held);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #isOvertaken(): boolean {
    if (this.#overtaken === undefined) {
      this.#overtaken = this.#foreign.version !== this.#heldVersion;
      afterEvent(() => {
        this.#overtaken = undefined;
      });
    }
    return this.#overtaken;
  }

  /** Closes all connections; no job may be running. */
  close(): void {
    this.#free.length = 0;
    this.#current = undefined;
    for (const connection of this.#all.splice(0)) connection.close();
  }

  #begin(connectionsMax = this.#connectionsMax): Snapshot | undefined {
    const connection = this.#take(connectionsMax);
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
      taken: false,
      durable: false,
    };
    this.#current = snapshot;
    afterEvent(() => this.#retire(snapshot));
    return snapshot;
  }

  #retire(snapshot: Snapshot): void {
    if (this.#current === snapshot) this.#current = undefined;
    snapshot.stale = true;
    this.#endIfUnused(snapshot);
  }

  #endIfUnused(snapshot: Snapshot): void {
    if (!snapshot.stale || snapshot.jobs > 0 || snapshot.ended || snapshot === this.#held) return;
    snapshot.ended = true;
    // Closed meanwhile, with the store.
    if (this.#all.length === 0) return;
    try {
      snapshot.connection.rollback();
      if (this.#all.length > this.#connectionsMax) {
        this.#discard(snapshot.connection);
        return;
      }
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

  #take(connectionsMax: number): Connection | undefined {
    // The one used last has the warmest page cache.
    const free = this.#free.pop();
    if (free !== undefined || this.#all.length >= connectionsMax) return free;
    const opened = this.#open();
    this.#all.push(opened);
    return opened;
  }
}

/** Node runs what is put off by a microtask once no microtask is left, and before it looks at any other event. */
const afterEvent = (work: () => void): void => queueMicrotask(() => process.nextTick(work));

/** True when SQLite has ended its transaction, as it does on some errors. */
const hasEnded = ({ suspect, connection }: Snapshot): boolean => suspect && !connection.inTransaction;
