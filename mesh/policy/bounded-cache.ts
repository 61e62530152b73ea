import type { Clock } from "../runtime/index.ts";

/** A value that is kept. */
export interface Cached<V> {
  readonly value: V;
  /** Milliseconds since it was put in. */
  readonly ageMs: number;
}

interface Entry<V> {
  readonly value: V;
  readonly bytes: number;
  readonly putMs: number;
  readonly maxAgeMs: number;
}

/** Bytes that an entry costs beside its key and its value. */
const ENTRY_BYTES = 200;

/** Keeps values for their time, bounded in number and in bytes: what was not asked for the longest time goes first. */
export class BoundedCache<V> {
  readonly #entries = new Map<string, Entry<V>>();
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(options: { clock: Pick<Clock, "monotonicMs">; entriesMax: number; bytesMax: number }) {
    this.#clock = options.clock;
    this.#entriesMax = options.entriesMax;
    this.#bytesMax = options.bytesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of what is kept, keys included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is kept for a key, and not older than it may be. */
  get(key: string): Cached<V> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const ageMs = this.#clock.monotonicMs() - entry.putMs;
    if (ageMs >= entry.maxAgeMs) {
      this.#drop(key, entry);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return { value: entry.value, ageMs };
  }

  /** Keeps a value of `valueBytes` bytes for less than `maxAgeMs` milliseconds; one that is larger than all may be is not kept. */
  put(key: string, value: V, { valueBytes, maxAgeMs }: { valueBytes: number; maxAgeMs: number }): void {
    const known = this.#entries.get(key);
    if (known !== undefined) this.#drop(key, known);
    // Characters of a key are one byte each or two.
    const bytes = valueBytes + 2 * key.length + ENTRY_BYTES;
    if (bytes > this.#bytesMax || this.#entriesMax < 1) return;
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size < this.#entriesMax && this.#bytes + bytes <= this.#bytesMax) break;
      this.#drop(oldest, entry);
    }
    this.#entries.set(key, { value, bytes, putMs: this.#clock.monotonicMs(), maxAgeMs });
    this.#bytes += bytes;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #drop(key: string, entry: Entry<V>): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
