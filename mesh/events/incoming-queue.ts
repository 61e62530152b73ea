import { createTimeMsOf, type IncomingRun } from "./incoming.ts";
import { APPLY_EVENTS_MAX, RECEIVED_BYTES_MAX, RECEIVED_EVENTS_MAX } from "./limits.ts";
import { Signal } from "./signal.ts";

/** What was received and waits for its transaction. Bounded: whoever puts something in waits for room. */
export class IncomingQueue {
  readonly #changed = new Signal();
  #runs: IncomingRun[] = [];
  #events = 0;
  #bytes = 0;
  #end: { readonly error: unknown } | undefined;

  /** When the oldest event was made that waits; undefined when none does. */
  get oldestMs(): number | undefined {
    const oldest = this.#runs.find(({ events }) => events.length > 0)?.events[0];
    return oldest && createTimeMsOf(oldest.event);
  }

  async put(run: IncomingRun, signal: AbortSignal): Promise<void> {
    this.#runs.push(run);
    this.#events += run.events.length;
    this.#bytes += run.bytes;
    this.#changed.wake();
    while (this.#full && !signal.aborted) await this.#changed.wait(signal);
  }

  /** Nothing follows what is there; `take` throws the error then. */
  end(error: unknown): void {
    this.#end = { error };
    this.#changed.wake();
  }

  /** What waits, as much as one transaction takes; empty when the signal has aborted. */
  async take(signal: AbortSignal): Promise<readonly IncomingRun[]> {
    while (this.#runs.length === 0) {
      if (signal.aborted) return [];
      if (this.#end !== undefined) throw this.#end.error;
      await this.#changed.wait(signal);
    }
    let events = 0;
    let count = 0;
    for (const run of this.#runs) {
      events += run.events.length;
      if (count > 0 && events > APPLY_EVENTS_MAX) break;
      count += 1;
    }
    const taken = this.#runs.splice(0, count);
    for (const run of taken) {
      this.#events -= run.events.length;
      this.#bytes -= run.bytes;
    }
    this.#changed.wake();
    return taken;
  }

  get #full(): boolean {
    return this.#events >= RECEIVED_EVENTS_MAX || this.#bytes >= RECEIVED_BYTES_MAX;
  }
}
