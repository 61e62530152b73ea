import type { Stream } from "./stream.ts";

/**
 * The open streams of a connection by their id. Not a Map: one whose entries come and go leaves behind tables that refer to each
 * other and to what was in them, and the collector of young objects takes that for alive (measured: a third of the CPU of a call).
 *
 * Open addressing with linear probing; a removal closes the gap, so that nothing is left behind and nothing is made again.
 */
export class StreamTable {
  #slots: (Stream | undefined)[] = new Array(SLOTS_MIN).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Stream | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let index = (id >>> 1) & mask; ; index = (index + 1) & mask) {
      const stream = slots[index];
      if (stream === undefined || stream.id === id) return stream;
    }
  }

  /** Adds a stream whose id is not there yet. */
  add(stream: Stream): void {
    if ((this.#size + 1) * 2 > this.#slots.length) this.#grow();
    this.#size += 1;
    this.#put(stream);
  }

  delete(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let gap = (id >>> 1) & mask;
    for (; slots[gap]?.id !== id; gap = (gap + 1) & mask) if (slots[gap] === undefined) return;
    this.#size -= 1;
    for (let index = (gap + 1) & mask; ; index = (index + 1) & mask) {
      const stream = slots[index];
      if (stream === undefined) break;
      const home = (stream.id >>> 1) & mask;
      // Those whose place is between the gap and here are where they belong.
      if (((index - home) & mask) < ((index - gap) & mask)) continue;
      slots[gap] = stream;
      gap = index;
    }
    slots[gap] = undefined;
  }

  /** Those that are open now, in no particular order; streams may come and go meanwhile. */
  values(): Stream[] {
    return this.#slots.filter((stream) => stream !== undefined);
  }

  #put(stream: Stream): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let index = (stream.id >>> 1) & mask;
    while (slots[index] !== undefined) index = (index + 1) & mask;
    slots[index] = stream;
  }

  #grow(): void {
    const streams = this.values();
    this.#slots = new Array(this.#slots.length * 2).fill(undefined);
    for (const stream of streams) this.#put(stream);
  }
}

const SLOTS_MIN = 32;
