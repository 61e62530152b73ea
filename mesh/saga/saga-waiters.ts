import { currentCall } from "../rpc/call.ts";
import type { Timers } from "../runtime/index.ts";
import type { SagaRecord } from "./saga-record.ts";

/** Those who wait for a saga to end, or to be parked. */
export class SagaWaiters {
  readonly #timers: Pick<Timers, "after">;
  readonly #waiting = new Map<string, Set<(saga: SagaRecord) => void>>();

  constructor(timers: Pick<Timers, "after">) {
    this.#timers = timers;
  }

  /** The sagas that somebody waits for. */
  get ids(): string[] {
    return [...this.#waiting.keys()];
  }

  has(id: string): boolean {
    return this.#waiting.has(id);
  }

  /** Resolves to the saga when it has ended or is parked, or to undefined when there is no more time, or no more caller. */
  wait(id: string, timeoutMs: number): Promise<SagaRecord | undefined> {
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiters);
      let forget: (() => void) | undefined;
      const done = (saga?: SagaRecord) => {
        waiters.delete(done);
        if (waiters.size === 0 && this.#waiting.get(id) === waiters) this.#waiting.delete(id);
        timer.cancel();
        forget?.();
        resolve(saga);
      };
      waiters.add(done);
      const timer = this.#timers.after(Math.max(0, timeoutMs), () => done());
      forget = currentCall()?.onEnd(() => done());
    });
  }

  /** Tells those who wait for a saga how it is. */
  settle(saga: SagaRecord): void {
    for (const done of [...(this.#waiting.get(saga.id) ?? [])]) done(saga);
  }
}
