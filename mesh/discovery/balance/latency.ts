import { LATENCY_DECAY_MS, LATENCY_MS_MIN, LATENCY_UNKNOWN_MS, TYPICAL_WEIGHT } from "./limits.ts";

/** What is typical of the endpoints of one balancer, in milliseconds. */
export class TypicalLatency {
  #ms = LATENCY_UNKNOWN_MS;
  #answerLog = Math.log(LATENCY_UNKNOWN_MS);
  /** NaN: to be worked out. */
  #answerMs = LATENCY_UNKNOWN_MS;
  #isKnown = false;

  /** The latency that most of them have, peaks and all: what one is taken to have of which nothing is known. */
  get ms(): number {
    return this.#ms;
  }

  /** How long an answer takes: a geometric mean, which some that take a thousand times as long, such as writes that wait, hardly move. */
  get answerMs(): number {
    if (Number.isNaN(this.#answerMs)) this.#answerMs = Math.exp(this.#answerLog);
    return this.#answerMs;
  }

  /** An answer took `answerMs`, after which `ms` are expected of its endpoint. */
  learn(answerMs: number, ms: number): void {
    const log = Math.log(answerMs);
    if (this.#isKnown) {
      this.#ms += (ms - this.#ms) * TYPICAL_WEIGHT;
      this.#answerLog += (log - this.#answerLog) * TYPICAL_WEIGHT;
    } else {
      this.#ms = ms;
      this.#answerLog = log;
      this.#isKnown = true;
    }
    this.#answerMs = Number.NaN;
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
  /** The part of what was learned that is left, and when that was worked out: many calls come at the same time. */
  #left = 1;
  #leftMs = 0;

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
    return typicalMs + (ms - typicalMs) * this.#leftAt(nowMs);
  }

  /** An answer took so long. */
  learn(latencyMs: number, nowMs: number): void {
    const ms = Math.max(latencyMs, LATENCY_MS_MIN);
    if (!this.isKnown || ms >= this.at(nowMs)) {
      this.#ms = ms;
    } else {
      const left = this.#leftAt(nowMs);
      this.#ms = this.#ms * left + ms * (1 - left);
    }
    this.#restart(nowMs);
    this.#typical.learn(ms, this.#ms);
  }

  /** No answer has come for so long. */
  waited(ms: number, nowMs: number): void {
    if (ms <= this.at(nowMs)) return;
    this.#ms = ms;
    this.#restart(nowMs);
  }

  #restart(nowMs: number): void {
    this.#learnedMs = nowMs;
    this.#leftMs = nowMs;
    this.#left = 1;
  }

  #leftAt(nowMs: number): number {
    if (nowMs !== this.#leftMs) {
      this.#leftMs = nowMs;
      this.#left = fading(nowMs - this.#learnedMs);
    }
    return this.#left;
  }
}

/** The part of something learned that is left after a time. */
export const fading = (elapsedMs: number): number => Math.exp(-elapsedMs / LATENCY_DECAY_MS);
