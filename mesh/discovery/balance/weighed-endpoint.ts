import type { Clock } from "../../runtime/index.ts";
import type { Candidate, EndpointReport } from "../balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Outcome } from "../outcome.ts";
import { fading, PeakLatency, type TypicalLatency } from "./latency.ts";
import { FAILURES_IN_A_ROW, LATE_FACTOR, PENALTY_FACTOR, PENALTY_MAX, SLOW_START_MS } from "./limits.ts";

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

  /** What a further call to it costs: how long it would have to wait, about. */
  costAt(nowMs: number): number {
    return this.#latency.at(nowMs) * this.#penaltyAt(nowMs) * (this.#inFlight + 1);
  }

  /** It would be ejected if it might be. */
  get isFailing(): boolean {
    return this.#failuresInARow >= FAILURES_IN_A_ROW;
  }

  /** Ejected for long enough, and not tried yet. */
  isDueForProbe(nowMs: number): boolean {
    return this.ejection !== undefined && this.ejection.stage !== "probed" && nowMs >= this.ejection.untilMs;
  }

  /** The next call that begins is the one that it is tried by. */
  offerProbe(): void {
    if (this.ejection !== undefined) this.ejection.stage = "offered";
  }

  begin(): void {
    this.#inFlight++;
    if (this.ejection?.stage === "offered") this.ejection.stage = "probed";
  }

  sent(): number {
    return this.#warden.isAlone ? NOT_MEASURED : this.#clock.monotonicMs();
  }

  answered(sent: number): void {
    if (sent === NOT_MEASURED) return;
    const nowMs = this.#clock.monotonicMs();
    this.#latency.learn(nowMs - sent, nowMs);
  }

  end(outcome: Outcome, sent = NOT_MEASURED): void {
    if (this.#inFlight === 0) throw new Error("More calls have ended than begun.");
    this.#inFlight--;
    if (outcome === "ok") {
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
