import {
  BASELINE_WEIGHT,
  BEGUN_MAX,
  BEGUN_MIN,
  BURST_MS_MAX,
  GRADIENT_MIN,
  LONG_SHARE_MIN,
  LONG_TURNS_MIN,
  OVERLOADS_MIN,
  TOLERANCE,
  TOLERATED_MS_MAX,
  TOLERATED_MS_MIN,
  TURN_MS_MAX,
  WARM_UP_MS,
  WINDOW_MS,
} from "./limits.ts";

/** A turn of the event loop in which calls began. */
export interface Turn {
  readonly startMs: number;
  readonly endMs: number;
  /** Calls that began in it. */
  readonly begun: number;
}

/**
 * How many calls may begin in one turn of the event loop. A process of one thread answers as many calls at once as it takes up in a
 * turn, and whoever calls meanwhile waits for its end: how long turns take is how long calls wait, whatever they wait for later. So
 * this, and not the latency of calls, is what the limit follows: a slow disk, or another service that is slow, is no overload here.
 *
 * The limit falls by the ratio of the time that is tolerated to the time that turns take, and grows by its square root when they are
 * short enough (Netflix concurrency-limits, Gradient2). What is tolerated follows what turns take without load. Without an overload
 * that lasts the limit is BEGUN_MAX, which bounds nobody. Times are those of one clock, in milliseconds.
 */
export class AdaptiveLimit {
  #limit = BEGUN_MAX;
  #baselineMs = 0;
  #window: Window | undefined;
  /** Overloaded windows in a row. */
  #overloads = 0;
  #lastTurnMs = 0;
  /** When the first turn began that had calls in it. */
  #firstMs: number | undefined;
  /** What turns take tells how much there is to do, no longer how new the process is. */
  #isWarm = false;

  /** Calls that may begin in one turn. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Milliseconds that a turn may take. */
  get toleratedMs(): number {
    return Math.min(Math.max(TOLERANCE * this.#baselineMs, TOLERATED_MS_MIN), TOLERATED_MS_MAX);
  }

  /** Milliseconds that the last turn took. */
  get lastTurnMs(): number {
    return this.#lastTurnMs;
  }

  /** A turn has ended. */
  turn({ startMs, endMs, begun }: Turn): void {
    const tookMs = endMs - startMs;
    this.#firstMs ??= startMs;
    this.#isWarm ||= endMs - this.#firstMs >= WARM_UP_MS;
    this.#lastTurnMs = tookMs;
    this.#window ??= new Window(startMs);
    const window = this.#window;
    window.add(tookMs, begun, tookMs > this.toleratedMs);
    if (endMs - window.startMs >= WINDOW_MS && window.turns >= LONG_TURNS_MIN) this.#judge(window, endMs);
  }

  /**
   * A turn goes on and on: `begun` calls in `tookMs` milliseconds, the longest pause not counted. Where it has taken too long, nothing
   * more begins in it, for its end may be many seconds away: after a turn that was long as well TURN_MS_MAX, else, as a burst that
   * comes out of the quiet does, BURST_MS_MAX.
   */
  turnGoesOn(tookMs: number, begun: number): void {
    const longestMs = this.#isWarm && this.#lastTurnMs > this.toleratedMs ? TURN_MS_MAX : BURST_MS_MAX;
    if (tookMs < longestMs || begun <= BEGUN_MIN) return;
    this.#limit = Math.min(this.#limit, Math.max(BEGUN_MIN, (begun * this.toleratedMs) / tookMs));
  }

  #judge(window: Window, nowMs: number): void {
    this.#window = undefined;
    if (this.#limit === BEGUN_MAX) this.#judgeFree(window, nowMs);
    else this.#judgeLimited(window, nowMs);
  }

  /** Nothing is shed: that takes more than one pause, and a backlog that goes by itself. */
  #judgeFree(window: Window, nowMs: number): void {
    const isOverloaded =
      this.#isWarm &&
      window.longTurns >= LONG_TURNS_MIN &&
      window.longMs >= (nowMs - window.startMs) * LONG_SHARE_MIN &&
      window.lastMs >= window.firstLongMs;
    this.#overloads = isOverloaded ? this.#overloads + 1 : 0;
    if (this.#overloads >= OVERLOADS_MIN)
      this.#shrink(window.longMs / window.longTurns, window.longBegun / window.longTurns);
    else if (!isOverloaded) this.#baselineMs += (window.meanMs - this.#baselineMs) * BASELINE_WEIGHT;
  }

  #judgeLimited(window: Window, nowMs: number): void {
    const { meanMs } = window;
    if (meanMs > this.toleratedMs) {
      this.#shrink(meanMs, window.begun / window.turns);
      return;
    }
    // Where half of what is tolerated was not needed, there is room for twice as many.
    const isCalm = window.longestMs < this.toleratedMs / 2;
    const windows = (nowMs - window.startMs) / WINDOW_MS;
    const grown = isCalm ? 2 ** windows * this.#limit : (Math.sqrt(this.#limit) + windows / 2) ** 2;
    this.#limit = Math.min(BEGUN_MAX, grown);
  }

  #shrink(turnMs: number, begun: number): void {
    const gradient = Math.max(GRADIENT_MIN, this.toleratedMs / turnMs);
    this.#limit = Math.min(this.#limit, Math.max(BEGUN_MIN, begun * gradient));
    this.#overloads = 0;
  }
}

/** The turns from one judgement to the next. */
class Window {
  readonly startMs: number;
  turns = 0;
  begun = 0;
  turnsMs = 0;
  longestMs = 0;
  lastMs = 0;
  firstLongMs = 0;
  /** Turns that took longer than is tolerated, and began enough calls to be to blame. */
  longTurns = 0;
  longMs = 0;
  longBegun = 0;

  constructor(startMs: number) {
    this.startMs = startMs;
  }

  get meanMs(): number {
    return this.turnsMs / this.turns;
  }

  add(tookMs: number, begun: number, isLong: boolean): void {
    this.turns++;
    this.begun += begun;
    this.turnsMs += tookMs;
    this.longestMs = Math.max(this.longestMs, tookMs);
    this.lastMs = tookMs;
    if (!isLong || begun < BEGUN_MIN) return;
    if (this.longTurns === 0) this.firstLongMs = tookMs;
    this.longTurns++;
    this.longMs += tookMs;
    this.longBegun += begun;
  }
}
