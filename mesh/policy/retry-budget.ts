import { RecentCount } from "./recent-count.ts";

/** How many copies of calls a target may be sent. */
export interface RetryBudgetOptions {
  /** Copies for each call, such as 0.2. */
  readonly share: number;
  /** Copies a second for a target that is called seldom, on average over the window. */
  readonly perSecond: number;
  /** Seconds that are looked back on, at least 1. */
  readonly windowSeconds: number;
}

/** As of Linkerd and Finagle. */
export const RETRY_BUDGET: RetryBudgetOptions = { share: 0.2, perSecond: 10, windowSeconds: 10 };

/**
 * Bounds what retries and hedges add to the load of one target. Whenever one is granted, those of the window that ends then,
 * itself among them, are at most `share` × the calls of the window + `perSecond` × its seconds. Pure: it is told the time,
 * `Clock.monotonicMs`.
 */
export class RetryBudget {
  readonly #calls: RecentCount;
  readonly #copies: RecentCount;
  readonly #share: number;
  readonly #least: number;

  constructor({ share, perSecond, windowSeconds }: RetryBudgetOptions = RETRY_BUDGET) {
    // A slot less for what gives, one more for what takes: the promise holds at every moment, not only at whole seconds.
    this.#calls = new RecentCount(windowSeconds);
    this.#copies = new RecentCount(windowSeconds + 1);
    this.#share = share;
    this.#least = perSecond * windowSeconds;
  }

  /** A call is made for the first time, or several are. */
  called(nowMs: number, calls = 1): void {
    this.#calls.add(nowMs, calls);
  }

  /**
   * Somebody else has sent a call again, who has not asked: it counts all the same, but up to three quarters of what there is. A caller
   * says so of its own calls, and must not leave nothing to all the others.
   */
  repeated(nowMs: number): void {
    if (this.#copies.total(nowMs) < this.#most(nowMs) * REPEATED_SHARE) this.#copies.add(nowMs);
  }

  /** Takes one copy; false when there is none to be had. */
  take(nowMs: number): boolean {
    if (this.#copies.total(nowMs) + 1 > this.#most(nowMs)) return false;
    this.#copies.add(nowMs);
    return true;
  }

  #most(nowMs: number): number {
    return this.#least + this.#share * this.#calls.total(nowMs);
  }
}

const REPEATED_SHARE = 0.75;
