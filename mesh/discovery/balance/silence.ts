import { fading } from "./latency.ts";

/**
 * For how long an endpoint has let calls wait and answered none. When the last of them has left it is kept, and fades as latency does; the
 * next call that goes there waits on: callers who leave early, as those do whose copy was answered elsewhere, would never learn of it else.
 * Times are those of `Clock.monotonicMs`.
 */
export class Silence {
  /** Calls that wait. */
  #waiting = 0;
  /** Since when they do, and none was answered. */
  #sinceMs = 0;
  /** Milliseconds that calls had waited when the last of them left, and when that was; 0: one was answered since. */
  #keptMs = 0;
  #leftMs = 0;

  /** Milliseconds. */
  at(nowMs: number): number {
    const waitedMs = this.#waiting === 0 ? 0 : nowMs - this.#sinceMs;
    return this.#keptMs === 0 ? waitedMs : waitedMs + this.#keptMs * fading(nowMs - this.#leftMs);
  }

  /** A call waits from now on. */
  sent(nowMs: number): void {
    if (this.#waiting === 0) this.#sinceMs = nowMs;
    this.#waiting++;
  }

  /** A call that waited is answered. */
  answered(nowMs: number): void {
    this.#waiting--;
    this.#sinceMs = nowMs;
    this.#keptMs = 0;
  }

  /** A call that waited is over, and was not answered. */
  left(nowMs: number): void {
    if (this.#waiting === 1) {
      this.#keptMs = this.at(nowMs);
      this.#leftMs = nowMs;
    }
    this.#waiting--;
  }

  /** Something was heard of it that nobody has timed. */
  forget(): void {
    this.#keptMs = 0;
  }
}
