import type { Clock, Random, Timers } from "../../runtime/index.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import { FairShares } from "./fair-shares.ts";
import { CALLS_PER_LOOK, SHARED_PART, SHARES_MS, SHORT_TURN_MS } from "./limits.ts";
import type { Priority } from "./priority.ts";

/** All the calls of one caller at one priority, made once and asked for each call. */
export interface Claim {
  readonly priority: Priority;
  /** Whom the calls are counted for; asked under overload only. Never empty. */
  caller(): string;
}

/** What an operator sees. Counts are since the start. */
export interface AdmissionState {
  /** Calls that may begin in one turn of the event loop. */
  readonly limit: number;
  /** Milliseconds that the last turn took, and those that turns may take. */
  readonly turnMs: number;
  readonly toleratedMs: number;
  /** True while calls are shed. */
  readonly isOverloaded: boolean;
  /** Callers that are told apart, which they are under overload only. */
  readonly callers: number;
  readonly admitted: number;
  readonly shed: Readonly<Record<Shedable, number>>;
}

/** Priorities of calls that may be shed. */
export type Shedable = Exclude<Priority, "critical">;

export interface AdmissionOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly timers: Pick<Timers, "afterTurn">;
  readonly random: Pick<Random, "below">;
}

/** Decides which calls begin: all, until the process has more to do than it can. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #limit = new AdaptiveLimit();
  readonly #shares = new FairShares(RANKS.length);
  #admitted = 0;
  readonly #shed = { low: 0, normal: 0, high: 0 };
  /** Of the turn that is under way. */
  #begun = 0;
  #critical = 0;
  #asked = 0;
  #turnMs = Number.NaN;
  #lookMs = 0;
  #pauseMs = 0;
  /** Since shares were reckoned last; undefined while nothing is shed. */
  #overload: Overload | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** True lets a call begin; false sheds it. Critical calls always begin. */
  admit(claim: Claim): boolean {
    if (Number.isNaN(this.#turnMs)) this.#beginTurn(this.#options.clock.monotonicMs());
    if (++this.#asked % CALLS_PER_LOOK === 0) this.#look();
    const { priority } = claim;
    if (priority === "critical") {
      this.#critical++;
    } else if (!this.#hasRoom(priority, claim)) {
      this.#shed[priority]++;
      return false;
    }
    this.#begun++;
    this.#admitted++;
    return true;
  }

  describe(): AdmissionState {
    const { limit, toleratedMs, lastTurnMs } = this.#limit;
    return {
      limit,
      turnMs: lastTurnMs,
      toleratedMs,
      isOverloaded: this.#overload !== undefined,
      callers: this.#shares.size,
      admitted: this.#admitted,
      shed: { ...this.#shed },
    };
  }

  #hasRoom(priority: Shedable, claim: Claim): boolean {
    const isFull = this.#begun >= this.#limit.limit * ROOM[priority];
    if (this.#overload === undefined) {
      if (!isFull) return true;
      this.#overload = { sinceMs: this.#turnMs, capacity: 0, hasShed: true };
    }
    const { share } = this.#shares.asks(RANKS.indexOf(priority), claim.caller());
    if (!isFull && (share === 1 || this.#options.random.below(CHANCES) < share * CHANCES)) return true;
    this.#overload.hasShed = true;
    return false;
  }

  #beginTurn(nowMs: number): void {
    this.#begun = 0;
    this.#critical = 0;
    this.#asked = 0;
    this.#turnMs = nowMs;
    this.#lookMs = nowMs;
    this.#pauseMs = 0;
    this.#options.timers.afterTurn(this.#onTurnEnd);
  }

  /**
   * After a turn that was not short, from here to the next end is one whole round of the event loop, what other timers and sockets do
   * in it included, and no wait: the loop does not sleep while this is asked for. A round in which nobody calls ends it.
   */
  readonly #onTurnEnd = (): void => {
    const endMs = this.#options.clock.monotonicMs();
    this.#limit.turn({ startMs: this.#turnMs, endMs, begun: this.#begun });
    this.#reckon(endMs);
    if (this.#asked > 0 && endMs - this.#turnMs > SHORT_TURN_MS) this.#beginTurn(endMs);
    else this.#turnMs = Number.NaN;
  };

  #look(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#pauseMs = Math.max(this.#pauseMs, nowMs - this.#lookMs);
    this.#lookMs = nowMs;
    this.#limit.turnGoesOn(nowMs - this.#turnMs - this.#pauseMs, this.#begun);
  }

  #reckon(nowMs: number): void {
    const overload = this.#overload;
    if (overload === undefined) return;
    overload.capacity += Math.max(0, this.#limit.limit - this.#critical);
    const passedMs = nowMs - overload.sinceMs;
    if (passedMs < SHARES_MS) return;
    if (overload.hasShed) {
      this.#shares.reckon(overload.capacity * SHARED_PART, passedMs / 1_000);
      this.#overload = { sinceMs: nowMs, capacity: 0, hasShed: false };
    } else {
      this.#shares.clear();
      this.#overload = undefined;
    }
  }
}

interface Overload {
  /** When shares were reckoned last. */
  readonly sinceMs: number;
  /** Calls that could have begun since. */
  capacity: number;
  hasShed: boolean;
}

/** The highest first. */
const RANKS: readonly Shedable[] = ["high", "normal", "low"];

/** How far beyond the limit a turn may go, where shares are not reckoned yet, or more comes than they foresee. */
const ROOM: Readonly<Record<Shedable, number>> = { low: 1, normal: 1.1, high: 1.5 };

const CHANCES = 1_000_000;
