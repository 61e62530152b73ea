import type { Clock } from "../../runtime/index.ts";
import type { Candidate, EndpointReport } from "../balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Outcome } from "../outcome.ts";
import { fading, PeakLatency, type TypicalLatency } from "./latency.ts";
import {
  FAILURES_IN_A_ROW,
  LATE_FACTOR,
  PENALTY_FACTOR,
  PENALTY_MAX,
  PROBE_MS,
  SILENCE_FACTOR,
  SILENCE_FACTOR_AGAIN,
  SILENCE_MS_MIN,
  SLOW_START_MS,
} from "./limits.ts";
import { Silence } from "./silence.ts";

/** Who ejects an endpoint, and lets it back. */
export interface Warden {
  /** It has failed too often in a row. */
  suspect(endpoint: WeighedEndpoint, why: string, nowMs: number): void;
  /** The one call that it was tried by has failed. */
  probeFailed(endpoint: WeighedEndpoint, nowMs: number): void;
  /** The one call that it was tried by came back well. */
  restore(endpoint: WeighedEndpoint): void;
  /** Whether there is no other: then there is nothing to choose, and nothing to measure. */
  readonly isAlone: boolean;
}

/** Why, and until when, an endpoint gets no calls. */
interface Ejection {
  readonly why: string;
  /** `Clock.monotonicMs` from which it is tried by one call. */
  readonly untilMs: number;
  /** `Clock.monotonicMs` at which that call was sent. */
  probedMs?: number;
  /** `offered`: chosen for the one call that it is tried by; `probed`: that call is on its way. */
  stage: "waiting" | "offered" | "probed";
}

/** Given where nobody measures. */
const NOT_MEASURED = -1;

/** One endpoint with what its calls have told of it. */
export class WeighedEndpoint implements Candidate {
  endpoint: Endpoint;
  /** `Clock.monotonicMs` since when it gets calls: what slow start goes by. */
  enteredMs: number;
  /** Times that it was ejected, less the intervals in which it was not. */
  ejections = 0;
  ejection: Ejection | undefined = undefined;
  /** Of this interval. */
  successes = 0;
  failures = 0;
  readonly #warden: Warden;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #typical: TypicalLatency;
  readonly #latency: PeakLatency;
  #inFlight = 0;
  /** Of the calls that are timed, once they are sent to their end. */
  readonly #silence = new Silence();
  /** When an answer came last, and when one that was good did: `Clock.monotonicMs`. */
  #answeredMs = Number.NEGATIVE_INFINITY;
  #goodMs = Number.NEGATIVE_INFINITY;
  #failuresInARow = 0;
  #penalty = 1;
  #penalizedMs = 0;

  constructor(
    endpoint: Endpoint,
    deps: { warden: Warden; clock: Pick<Clock, "monotonicMs">; typical: TypicalLatency; nowMs: number },
  ) {
    this.endpoint = endpoint;
    this.enteredMs = deps.nowMs;
    this.#warden = deps.warden;
    this.#clock = deps.clock;
    this.#typical = deps.typical;
    this.#latency = new PeakLatency(deps.typical);
  }

  /** Whether a call should rather go to it: it answers at all, or costs less. `isAgain`: the call may wait at one of them already. */
  isBetterThan(other: WeighedEndpoint, nowMs: number, isAgain: boolean): boolean {
    const ownMs = this.#silence.at(nowMs);
    const otherMs = other.#silence.at(nowMs);
    if (ownMs > 0 && this.#isSilent(ownMs, other, otherMs, nowMs, isAgain)) return false;
    if (otherMs > 0 && other.#isSilent(otherMs, this, ownMs, nowMs, isAgain)) return true;
    return this.#costAt(nowMs, ownMs) < other.#costAt(nowMs, otherMs);
  }

  /** It answers nothing, and the other one does. */
  isSilentBeside(other: WeighedEndpoint, nowMs: number, isAgain: boolean): boolean {
    const ownMs = this.#silence.at(nowMs);
    return ownMs > 0 && this.#isSilent(ownMs, other, other.#silence.at(nowMs), nowMs, isAgain);
  }

  /** It would be ejected if it might be. */
  get isFailing(): boolean {
    return this.#failuresInARow >= FAILURES_IN_A_ROW;
  }

  /** Ejected for long enough, and not tried yet, or by a call that does not end: a stream may last for days. */
  isDueForProbe(nowMs: number): boolean {
    if (this.ejection === undefined) return false;
    const { stage, untilMs, probedMs = untilMs } = this.ejection;
    return nowMs >= (stage === "probed" ? probedMs + PROBE_MS : untilMs);
  }

  /** The next call that begins is the one that it is tried by. */
  offerProbe(): void {
    if (this.ejection !== undefined) this.ejection.stage = "offered";
  }

  begin(): void {
    this.#inFlight++;
    if (this.ejection?.stage !== "offered") return;
    this.ejection.stage = "probed";
    this.ejection.probedMs = this.#clock.monotonicMs();
  }

  sent(): number {
    if (this.#warden.isAlone) return NOT_MEASURED;
    const nowMs = this.#clock.monotonicMs();
    this.#silence.sent(nowMs);
    return nowMs;
  }

  answered(sent: number): void {
    if (sent === NOT_MEASURED) return;
    const nowMs = this.#clock.monotonicMs();
    this.#answeredMs = nowMs;
    this.#silence.answered(nowMs);
    this.#latency.learn(nowMs - sent, nowMs);
  }

  end(outcome: Outcome, sent = NOT_MEASURED): void {
    if (this.#inFlight === 0) throw new Error("More calls have ended than begun.");
    this.#inFlight--;
    if (sent !== NOT_MEASURED) this.#silence.left(this.#clock.monotonicMs(), this.#typical.answerMs);
    // To have no room is an answer.
    if (outcome === "ok" || outcome === "overloaded") this.#heard();
    if (outcome === "ok") {
      this.#goodMs = this.#answeredMs;
      this.successes++;
      this.#failuresInARow = 0;
      if (this.ejection?.stage === "probed") this.#warden.restore(this);
      return;
    }
    this.#endBadly(outcome, sent);
  }

  /** Gets its calls back, with a share that grows anew. */
  restore(nowMs: number): void {
    this.ejection = undefined;
    this.enteredMs = nowMs;
    this.#failuresInARow = 0;
    this.#penalty = 1;
  }

  reportAt(nowMs: number): EndpointReport {
    const { endpoint, ejection } = this;
    const isWarming = nowMs - this.enteredMs < SLOW_START_MS;
    return {
      endpoint,
      inFlight: this.#inFlight,
      latencyMs: this.#latency.isKnown ? this.#latency.at(nowMs) : undefined,
      penalty: this.#penaltyAt(nowMs),
      state:
        ejection === undefined ? (isWarming ? "warming" : "well") : ejection.stage === "probed" ? "probed" : "ejected",
      why: ejection?.why,
      ejectedForMs: ejection && Math.max(0, ejection.untilMs - nowMs),
    };
  }

  #heard(): void {
    if (this.#silence.lasts) this.#silence.heard(this.#clock.monotonicMs());
  }

  /** How long a further call would have to wait, about. */
  #costAt(nowMs: number, silentMs: number): number {
    return Math.max(this.#latency.at(nowMs), silentMs) * this.#penaltyAt(nowMs) * (this.#inFlight + 1);
  }

  #isSilent(ownMs: number, other: WeighedEndpoint, otherMs: number, nowMs: number, isAgain: boolean): boolean {
    const usualMs = this.#typical.answerMs;
    const newsMs = Math.max(SILENCE_MS_MIN, SILENCE_FACTOR * usualMs);
    if (!isAgain && ownMs < newsMs) return false;
    if (nowMs - this.#goodMs >= newsMs && nowMs - other.#goodMs < newsMs) return true;
    return ownMs >= SILENCE_FACTOR * otherMs && ownMs >= SILENCE_FACTOR_AGAIN * usualMs;
  }

  #endBadly(outcome: Exclude<Outcome, "ok">, sent: number): void {
    const nowMs = this.#clock.monotonicMs();
    const waitedMs = sent === NOT_MEASURED ? undefined : nowMs - sent;
    if (waitedMs !== undefined && outcome !== "failed" && outcome !== "overloaded")
      this.#latency.waited(waitedMs, nowMs);
    const wasLongEnough = waitedMs !== undefined && waitedMs >= LATE_FACTOR * this.#typical.ms;
    if (outcome === "left" || (outcome === "late" && !wasLongEnough)) {
      // Nothing was learned: the next call tries it.
      if (this.ejection?.stage === "probed") this.ejection.stage = "waiting";
      return;
    }
    this.#penalize(nowMs);
    if (outcome === "overloaded") {
      this.#failuresInARow = 0;
      if (this.ejection?.stage === "probed") this.#warden.restore(this);
      return;
    }
    this.failures++;
    this.#failuresInARow++;
    if (this.ejection?.stage === "probed") this.#warden.probeFailed(this, nowMs);
    else if (this.ejection === undefined && this.isFailing) {
      this.#warden.suspect(this, `${this.#failuresInARow} failures in a row`, nowMs);
    }
  }

  #penalize(nowMs: number): void {
    this.#penalty = Math.min(this.#penaltyAt(nowMs) * PENALTY_FACTOR, PENALTY_MAX);
    this.#penalizedMs = nowMs;
  }

  #penaltyAt(nowMs: number): number {
    return this.#penalty === 1 ? 1 : 1 + (this.#penalty - 1) * fading(nowMs - this.#penalizedMs);
  }
}
