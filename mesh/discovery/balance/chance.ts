import type { Random } from "../../runtime/index.ts";

/**
 * Chance for what needs no secrecy, at a few nanoseconds a draw: the operating system's costs as much as all else of a choice.
 * Xorshift (Marsaglia, 2003), begun by a number of the real source.
 */
export class Chance {
  #state: number;

  constructor(random: Pick<Random, "below">) {
    // Never 0, which it would not leave.
    this.#state = (random.below(0xffff_ffff) + 1) | 0;
  }

  /** 0 ≤ n < 1. */
  share(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) / 0x1_0000_0000;
  }

  /** A whole number, 0 ≤ n < `exclusiveMax`. */
  below(exclusiveMax: number): number {
    return Math.floor(this.share() * exclusiveMax);
  }
}
