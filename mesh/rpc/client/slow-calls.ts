import type { Timer, Timers } from "../../runtime/index.ts";

/** Parts of the delay, by one of which a call may be found late: the price of one timer for all. */
const PARTS = 4;

/** A call that may turn out to be slow: a place in the ring of all of them, so that being watched allocates nothing. */
export interface Watched {
  before: Watched | undefined;
  after: Watched | undefined;
  dueLook: number;
  /** The delay has passed. */
  slow(): void;
}

/** Finds the calls of a method that have had no answer for a while: `delayMs` milliseconds, and up to a quarter more. */
export class SlowCalls {
  readonly #timers: Timers;
  readonly #partMs: number;
  readonly #ring: Watched = { before: undefined, after: undefined, dueLook: Number.POSITIVE_INFINITY, slow() {} };
  #looks = 0;
  #timer: Timer | undefined;

  constructor(timers: Timers, delayMs: number) {
    this.#timers = timers;
    this.#partMs = delayMs / PARTS;
    this.#ring.before = this.#ring;
    this.#ring.after = this.#ring;
  }

  /** A call was sent. */
  watch(call: Watched): void {
    const last = this.#ring.before as Watched;
    call.dueLook = this.#looks + PARTS + 1;
    call.before = last;
    call.after = this.#ring;
    last.after = call;
    this.#ring.before = call;
    this.#timer ??= this.#timers.every(this.#partMs, () => this.#look());
  }

  /** It has ended; also for one that is not watched. */
  forget(call: Watched): void {
    const { before, after } = call;
    if (before === undefined || after === undefined) return;
    before.after = after;
    after.before = before;
    call.before = undefined;
    call.after = undefined;
  }

  #look(): void {
    this.#looks += 1;
    // They stand in the order in which they were sent.
    for (let call = this.#ring.after as Watched; call.dueLook <= this.#looks; call = this.#ring.after as Watched) {
      this.forget(call);
      call.slow();
    }
    if (this.#ring.after !== this.#ring) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
