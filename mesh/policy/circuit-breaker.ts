import type { Random } from "../runtime/index.ts";
import { RecentCount } from "./recent-count.ts";

/** When calls to a target are held back. */
export interface CircuitBreakerOptions {
  /** Seconds that are looked back on. */
  readonly windowSeconds: number;
  /** Calls in the window below which none is held back: who calls so seldom is no burden, and a share of few says nothing. */
  readonly callsMin: number;
  /**
   * Calls that are sent for each that succeeds, before any is held back (Google SRE, Adaptive Throttling: K). Above 2, so that a
   * service which fails half of its calls is left alone, whatever chance makes of that.
   */
  readonly perSuccess: number;
  /** The share that is held back at most: the others find out that the target is well again (Envoy, Admission Control). */
  readonly shareMax: number;
}

export const CIRCUIT_BREAKER: CircuitBreakerOptions = {
  windowSeconds: 10,
  callsMin: 100,
  perSuccess: 2.5,
  shareMax: 0.8,
};

/**
 * Holds back a share of the calls to a target that fails most of them: the more fail, the more, so that there is no moment at which
 * it opens or closes. Only what was sent is counted, calls that are under way as if they succeeded. Pure: it is told the time,
 * `Clock.monotonicMs`, and draws its chance.
 */
export class CircuitBreaker {
  readonly #sent: RecentCount;
  readonly #failed: RecentCount;
  readonly #options: CircuitBreakerOptions;
  readonly #random: Pick<Random, "below">;

  constructor(random: Pick<Random, "below">, options: CircuitBreakerOptions = CIRCUIT_BREAKER) {
    this.#random = random;
    this.#options = options;
    this.#sent = new RecentCount(options.windowSeconds);
    this.#failed = new RecentCount(options.windowSeconds);
  }

  /** Lets a call through, and counts it; false when it is held back. */
  enter(nowMs: number): boolean {
    const share = this.heldBack(nowMs);
    if (share > 0 && this.#random.below(DRAWS) < share * DRAWS) return false;
    this.sent(nowMs);
    return true;
  }

  /** A call that was let through is sent once more, or several that were never held up. */
  sent(nowMs: number, calls = 1): void {
    this.#sent.add(nowMs, calls);
  }

  /** Nothing has failed in the window. */
  isCalm(nowMs: number): boolean {
    return this.#failed.total(nowMs) === 0;
  }

  /** A call that was let through has failed, one time, in a way that the target is to blame for. */
  failed(nowMs: number): void {
    this.#failed.add(nowMs);
  }

  /** The share of calls that is held back now: 0 to `shareMax`. */
  heldBack(nowMs: number): number {
    const failed = this.#failed.total(nowMs);
    if (failed === 0) return 0;
    const { callsMin, perSuccess, shareMax } = this.#options;
    const sent = this.#sent.total(nowMs);
    if (sent < callsMin) return 0;
    // A call may fail in a later second than it was sent in.
    const succeeded = Math.max(0, sent - failed);
    return Math.min(shareMax, Math.max(0, (sent - perSuccess * succeeded) / sent));
  }
}

const DRAWS = 1_000_000;
