import type { Timers } from "../runtime/index.ts";

/** Wakes whoever waits. Waiters go on in their own asynchronous context, whoever woke them. */
export class Signal {
  #waiters = new Set<() => void>();

  wake(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter();
  }

  /** Resolves with the next `wake`, when the signal aborts, or after so many milliseconds. */
  wait(signal?: AbortSignal, timeout?: { readonly timers: Pick<Timers, "after">; readonly ms: number }): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const done = () => {
        timer?.cancel();
        signal?.removeEventListener("abort", done);
        this.#waiters.delete(done);
        resolve();
      };
      const timer = timeout?.timers.after(timeout.ms, done);
      this.#waiters.add(done);
      signal?.addEventListener("abort", done, { once: true });
    });
  }
}
