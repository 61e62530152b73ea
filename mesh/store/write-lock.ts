import type { Runtime } from "../runtime/index.ts";
import type { Connection } from "./connection.ts";
import { isSqliteError } from "./errors.ts";
import { LOCK_FREE_MS_MAX, LOCK_TRY_MS_MAX, LOCK_TRY_MS_MIN, LOCK_WAIT_MS } from "./limits.ts";

/**
 * SQLite's write lock, for which the processes on one file take turns. SQLite itself would wait with the event loop standing still,
 * and knows no order: here the wait is a timer, and whoever shares the file leaves the lock free for as long as it has held it, so that
 * those who try again and again find it free every second time.
 */
export class WriteLock {
  /** Other processes use the file. */
  shared = false;
  readonly #writer: Connection;
  readonly #runtime: Pick<Runtime, "clock" | "timers" | "random">;
  #takenMs = 0;
  #freeSinceMs = 0;
  #heldMs = 0;

  constructor(writer: Connection, runtime: Pick<Runtime, "clock" | "timers" | "random">) {
    this.#writer = writer;
    this.#runtime = runtime;
  }

  /** Begins the transaction; rejects with SQLITE_BUSY when others have kept the lock for LOCK_WAIT_MS. */
  async take(): Promise<void> {
    const { clock, timers, random } = this.#runtime;
    if (this.shared) {
      const leaveMs = Math.min(this.#heldMs, LOCK_FREE_MS_MAX) - (clock.monotonicMs() - this.#freeSinceMs);
      if (leaveMs > 0) await timers.sleep(Math.ceil(leaveMs));
    }
    const giveUpMs = clock.monotonicMs() + LOCK_WAIT_MS;
    for (;;) {
      try {
        this.#writer.begin();
        this.#takenMs = clock.monotonicMs();
        return;
      } catch (error) {
        if (!isSqliteError(error, "SQLITE_BUSY") || clock.monotonicMs() >= giveUpMs) throw error;
      }
      await timers.sleep(LOCK_TRY_MS_MIN + random.below(LOCK_TRY_MS_MAX - LOCK_TRY_MS_MIN + 1));
    }
  }

  /** The transaction has ended. */
  left(): void {
    this.#freeSinceMs = this.#runtime.clock.monotonicMs();
    this.#heldMs = this.#freeSinceMs - this.#takenMs;
  }
}
