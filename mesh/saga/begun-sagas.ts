import type { Clock, Timer, Timers } from "../runtime/index.ts";
import { START_GRACE_MS, START_SOON_MS } from "./limits.ts";

/**
 * The sagas that this process has just begun and that nobody runs yet: most are run at once by the call that began them, and those
 * of an event's transaction by nobody. One timer for all of them has them taken up when they are written.
 */
export class BegunSagas {
  /** By id, when they were begun, on the monotonic clock. */
  readonly #begun = new Map<string, number>();
  readonly #takeUp: (ids: readonly string[]) => void;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #state: "waiting" | "going" | "stopped" = "waiting";
  #timer: Timer | undefined;

  /** `takeUp` takes up those of `ids` that are written by then. */
  constructor(takeUp: (ids: readonly string[]) => void, { clock, timers }: { clock: Clock; timers: Timers }) {
    this.#takeUp = takeUp;
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Remembers one that was begun in a transaction, which may not be committed yet, and may never be. */
  add(id: string): void {
    this.#begun.set(id, this.#clock.monotonicMs());
    this.#arm();
  }

  /** Forgets one that somebody runs. */
  delete(id: string): void {
    this.#begun.delete(id);
  }

  has(id: string): boolean {
    return this.#begun.has(id);
  }

  /** From now on they are taken up. */
  begin(): void {
    if (this.#state === "waiting") this.#state = "going";
    this.#arm();
  }

  stop(): void {
    this.#state = "stopped";
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#state !== "going" || this.#timer !== undefined || this.#begun.size === 0) return;
    this.#timer = this.#timers.after(START_SOON_MS, () => {
      this.#timer = undefined;
      this.#takeUp([...this.#begun.keys()]);
      // What is not written by then was rolled back, or is found by the next look.
      const overMs = this.#clock.monotonicMs() - START_GRACE_MS;
      for (const [id, begunMs] of this.#begun) if (begunMs <= overMs) this.#begun.delete(id);
      this.#arm();
    });
  }
}
