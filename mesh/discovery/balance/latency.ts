import { LATENCY_DECAY_MS, LATENCY_MS_MIN, LATENCY_UNKNOWN_MS, TYPICAL_WEIGHT } from "./limits.ts";

/** The latency that endpoints of one balancer have, most of them: what one is taken to have of which nothing is known. */
export class TypicalLatency {
  #ms = LATENCY_UNKNOWN_MS;
  #isKnown = false;

  get ms(): number {
    return this.#ms;
  }

  learn(ms: number): void {
    this.#ms = this.#isKnown ? this.#ms + (ms - this.#ms) * TYPICAL_WEIGHT : ms;
    this.#isKnown = true;
  }
}

/**
 * How long answers of one endpoint take: Finagle's peak-EWMA. A slow answer counts at once and whole, quick ones take it back by and
 * by. What was learned fades towards what is typical, so that one that was slow is tried again, and never as if it were the fastest.
 */
export class PeakLatency {
  readonly #typical: TypicalLatency;
  #ms = Number.NaN;
  /** `Clock.monotonicMs` of the last answer. */
  #learnedMs = 0;

  constructor(typical: TypicalLatency) {
    this.#typical = typical;
  }

  get isKnown(): boolean {
    return !Number.isNaN(this.#ms);
  }

  /** Milliseconds that an answer is expected to take. */
  at(nowMs: number): number {
    const typicalMs = this.#typical.ms;
    const ms = this.#ms;
    if (ms <= typicalMs) return ms;
    if (Number.isNaN(ms)) return typicalMs;
    return typicalMs + (ms - typicalMs) * fading(nowMs - this.#learnedMs);
  }

  /** An answer took so long. */
  learn(latencyMs: number, nowMs: number): void {
    const ms = Math.max(latencyMs, LATENCY_MS_MIN);
    if (!this.isKnown || ms >= this.at(nowMs)) {
      this.#ms = ms;
    } else {
      const kept = fading(nowMs - this.#learnedMs);
      this.#ms = this.#ms * kept + ms * (1 - kept);
    }
    this.#learnedMs = nowMs;
    this.#typical.learn(this.#ms);
  }

  /** No answer has come for so long. */
  waited(ms: number, nowMs: number): void {
    if (ms <= this.at(nowMs)) return;
    this.#ms = ms;
    this.#learnedMs = nowMs;
  }
}

/** The part of something learned that is left after a time. */
export const fading = (elapsedMs: number): number => Math.exp(-elapsedMs / LATENCY_DECAY_MS);
