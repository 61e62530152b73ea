import type { Connection } from "./connection.ts";

/** Read-only connections, each lent to one job at a time; opened when they are first needed. */
export class ReadPool {
  readonly #open: () => Connection;
  readonly #connectionsMax: number;
  readonly #waitingMax: number;
  readonly #all: Connection[] = [];
  readonly #free: Connection[] = [];
  readonly #waiting: ((connection: Connection) => void)[] = [];

  constructor(options: { open: () => Connection; connectionsMax: number; waitingMax: number }) {
    this.#open = options.open;
    this.#connectionsMax = options.connectionsMax;
    this.#waitingMax = options.waitingMax;
  }

  /** True when as many jobs wait as may. */
  get full(): boolean {
    return this.#waiting.length >= this.#waitingMax;
  }

  /** Settles as `job` does. Callers look at `full` first. */
  async lend<T>(job: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = this.#take() ?? (await new Promise<Connection>((resolve) => this.#waiting.push(resolve)));
    try {
      return await job(connection);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(connection);
      else next(connection);
    }
  }

  /** Closes all connections; no job may be running. */
  close(): void {
    this.#free.length = 0;
    for (const connection of this.#all.splice(0)) connection.close();
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
