import type { StreamCounts } from "./tally.ts";

/** Holds what comes over a stream that is taken up again and again against a numbering without gaps. */
export class Continuity {
  readonly #counts: StreamCounts;
  #last: bigint;

  /** @param last The number of what was seen last; 0 when nothing was. */
  constructor(counts: StreamCounts, last = 0n) {
    this.#counts = counts;
    this.#last = last;
  }

  /** Where the stream is to be taken up. */
  get last(): bigint {
    return this.#last;
  }

  /** Takes the number of the next message. */
  take(sequence: bigint): void {
    this.#counts.messages++;
    if (sequence <= this.#last) {
      this.#counts.duplicates++;
      return;
    }
    if (sequence > this.#last + 1n) this.#counts.gaps += Number(sequence - this.#last - 1n);
    this.#last = sequence;
  }
}
