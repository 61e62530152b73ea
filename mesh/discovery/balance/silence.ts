import { fading } from "./latency.ts";
import { SILENCE_KEPT_MS_MAX } from "./limits.ts";

/**
 * For how long an endpoint has let calls wait and answered none. When the last of them has left it is kept, and fades as latency does; the
 * next call that goes there waits on: callers who leave early, as those do whose copy was answered elsewhere, would never learn of it else.
 * Times are those of `Clock.monotonicMs`.
 */
export class Silence {
  /** Calls that wait. */
  #waiting = 0;
  /** Since when they do, and nothing was heard. */
  #sinceMs = 0;
  /** Milliseconds that calls had waited when the last of them left, and when that was; 0: something was heard since. */
  #keptMs = 0;
  #leftMs = 0;

  /** There is any. */
  get lasts(): boolean {
    return this.#waiting > 0 || this.#keptMs > 0;
  }

  /** Milliseconds. */
  at(nowMs: number): number {
    const waitedMs = this.#waiting === 0 ? 0 : nowMs - this.#sinceMs;
    return waitedMs + this.#keptAt(nowMs);
  }

  /** A call waits from now on. */
  sent(nowMs: number): void {
    if (this.#waiting === 0) this.#sinceMs = nowMs;
    this.#waiting++;
  }

  /** A call that waited is answered. */
  answered(nowMs: number): void {
    this.#waiting--;
    this.heard(nowMs);
  }

  /** A call that waited is over, and was not answered. `usualMs`: what an answer takes, for which it is no silence. */
  left(nowMs: number, usualMs: number): void {
    if (this.#waiting === 1) {
      const vainMs = Math.max(0, nowMs - this.#sinceMs - usualMs);
      this.#keptMs = Math.min(this.#keptAt(nowMs) + vainMs, SILENCE_KEPT_MS_MAX);
      this.#leftMs = nowMs;
    }
    this.#waiting--;
  }

  /** It has given a sign of life, whoever that was for. */
  heard(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#keptMs = 0;
  }

  #keptAt(nowMs: number): number {
    return this.#keptMs === 0 ? 0 : this.#keptMs * fading(nowMs - this.#leftMs);
  }
}
