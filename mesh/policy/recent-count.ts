/** Milliseconds of one slot: by so much the window may be shorter than it says. */
export const SLOT_MS = 1_000;

/** How often something happened in the last seconds, the current one among them. Counting costs no memory and no search. */
export class RecentCount {
  readonly #slots: Uint32Array;
  /** The second that is being counted, since the clock's start. */
  #second = Number.NEGATIVE_INFINITY;
  #total = 0;

  /** `seconds`: those that are remembered, at least 1. */
  constructor(seconds: number) {
    this.#slots = new Uint32Array(seconds);
  }

  /** Counts `times` as of `nowMs`, which never goes back. */
  add(nowMs: number, times = 1): void {
    this.#turnTo(nowMs);
    const slot = this.#second % this.#slots.length;
    this.#slots[slot] = (this.#slots[slot] as number) + times;
    this.#total += times;
  }

  total(nowMs: number): number {
    this.#turnTo(nowMs);
    return this.#total;
  }

  #turnTo(nowMs: number): void {
    const second = Math.floor(nowMs / SLOT_MS);
    if (second === this.#second) return;
    const { length } = this.#slots;
    if (second - this.#second >= length) {
      this.#slots.fill(0);
      this.#total = 0;
    } else {
      for (let gone = this.#second + 1; gone <= second; gone++) {
        this.#total -= this.#slots[gone % length] as number;
        this.#slots[gone % length] = 0;
      }
    }
    this.#second = second;
  }
}
