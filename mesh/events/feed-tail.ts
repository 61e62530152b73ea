import type { Logger } from "../observe/index.ts";
import type { Runtime, Timer } from "../runtime/index.ts";
import type { StoredEvent } from "../store/events.ts";
import type { Store } from "../store/store.ts";
import { FEED_POLL_MS, TAIL_BYTES_MAX, TAIL_EVENTS_MAX } from "./limits.ts";
import { Signal } from "./signal.ts";
import { feedEnds, feedRun } from "./store/feed-store.ts";

/**
 * The newest events of a feed, read once for all subscribers that keep up, as soon as they are on the disk. Reads nothing while
 * nobody subscribes.
 */
export class FeedTail {
  readonly #store: Store;
  readonly #runtime: Pick<Runtime, "timers">;
  readonly #log: Logger;
  readonly #read = new Signal();
  readonly #changed = new Signal();
  /** Follow one another, up to `#last`. */
  #events: StoredEvent[] = [];
  #bytes = 0;
  #last = 0n;
  #lastTimeMs: bigint | undefined;
  #subscribers = 0;
  #stale = false;
  /** True once the file was read since somebody joined. */
  #fresh = false;
  #closed = false;
  #poll: Timer | undefined;
  readonly #stopListening: () => void;

  constructor(store: Store, runtime: Pick<Runtime, "timers">, log: Logger) {
    this.#store = store;
    this.#runtime = runtime;
    this.#log = log;
    this.#stopListening = store.onEvents(() => this.#look());
    // Begun here, where no call is served, so that its reads belong to none.
    void this.#keepUp();
  }

  /** The sequence of the last event that is known. */
  get last(): bigint {
    return this.#last;
  }

  get lastTimeMs(): bigint | undefined {
    return this.#lastTimeMs;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Begins to read, for one subscriber more, until the returned function is called. */
  join(): () => void {
    this.#subscribers += 1;
    // The store tells of what other replicas write as well; what could not be read is tried again.
    this.#poll ??= this.#runtime.timers.every(FEED_POLL_MS, () => this.#look());
    this.#look();
    let joined = true;
    return () => {
      if (!joined) return;
      joined = false;
      this.#subscribers -= 1;
      if (this.#subscribers > 0) return;
      this.#poll?.cancel();
      this.#poll = undefined;
      this.#events = [];
      this.#bytes = 0;
      this.#fresh = false;
    };
  }

  /** The events after a sequence; undefined when they are to be read from the file. */
  after(sequence: bigint): readonly StoredEvent[] | undefined {
    if (!this.#fresh) return undefined;
    const kept = this.#last - sequence;
    if (kept > BigInt(this.#events.length)) return undefined;
    return kept <= 0n ? [] : this.#events.slice(this.#events.length - Number(kept));
  }

  /** Resolves when there are other events, when the feed ends, when the signal aborts, or after so many milliseconds. */
  change(signal: AbortSignal, ms: number): Promise<void> {
    return this.#changed.wait(signal, { timers: this.#runtime.timers, ms });
  }

  /** Wakes every subscriber: the feed ends. */
  close(): void {
    this.#closed = true;
    this.#poll?.cancel();
    this.#stopListening();
    this.#read.wake();
    this.#changed.wake();
  }

  #look(): void {
    this.#stale = true;
    if (this.#subscribers > 0) this.#read.wake();
  }

  async #keepUp(): Promise<void> {
    while (!this.#closed) {
      if (!this.#stale || this.#subscribers === 0) {
        await this.#read.wait();
        continue;
      }
      this.#stale = false;
      try {
        await this.#readOn();
      } catch (error) {
        // The poll tries again; subscribers meanwhile get their heartbeats.
        if (!this.#closed) this.#log.warn({ err: error }, "the event feed was not read");
      }
    }
  }

  async #readOn(): Promise<void> {
    for (;;) {
      const read = await this.#store.read(async (reader) => {
        const ends = await feedEnds(reader);
        // Far behind, or at the start: subscribers read for themselves until they are here.
        const far = ends.last - this.#last > BigInt(TAIL_EVENTS_MAX);
        return { ends, run: far ? undefined : await feedRun(reader, this.#last, undefined) };
      });
      const { ends, run } = read;
      if (run === undefined) {
        this.#events = [];
        this.#bytes = 0;
        this.#last = ends.last;
      } else {
        for (const event of run.events) {
          this.#events.push(event);
          this.#bytes += event.payload.length;
        }
        this.#last = run.last;
        this.#trim();
      }
      if (this.#last < ends.last) {
        this.#changed.wake();
        continue;
      }
      this.#lastTimeMs = ends.lastTimeMs ?? undefined;
      this.#fresh = true;
      this.#changed.wake();
      return;
    }
  }

  #trim(): void {
    let dropped = 0;
    while (this.#events.length - dropped > TAIL_EVENTS_MAX || this.#bytes > TAIL_BYTES_MAX) {
      this.#bytes -= this.#events[dropped]?.payload.length ?? 0;
      dropped += 1;
    }
    if (dropped > 0) this.#events.splice(0, dropped);
  }
}
