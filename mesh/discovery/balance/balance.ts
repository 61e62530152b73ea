import type { Clock, Random } from "../../runtime/index.ts";
import type { Balancer, Candidate, EndpointReport, Picker } from "../balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import { Chance } from "./chance.ts";
import { Choice } from "./choice.ts";
import { TypicalLatency } from "./latency.ts";
import {
  EJECTED_SHARE_MAX,
  EJECTION_JITTER,
  EJECTION_MS,
  EJECTION_MS_MAX,
  INTERVAL_MS,
  SUBSET_SIZE,
} from "./limits.ts";
import { isOutlier, measureOf, rateOf } from "./outliers.ts";
import { subsetOf } from "./subset.ts";
import { type Warden, WeighedEndpoint } from "./weighed-endpoint.ts";

export interface BalancerOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly random: Pick<Random, "below">;
  /** Where the caller runs: calls stay there while enough endpoints there are well. Default: nowhere, all are alike. */
  readonly locality?: string;
  /** One of many callers by a name of its own keeps to some of many endpoints. Default: to all of them. */
  readonly subset?: { readonly key: string; readonly size?: number };
  /** Told when an endpoint gets no more calls, and when it gets them again. */
  readonly changed?: (report: EndpointReport) => void;
}

/**
 * Power of two choices by latency and calls on their way, slow start, outlier ejection, locality, subsets: see
 * `docs/concepts/balancing.md`. No timers: what is due is done with the next choice.
 */
export const createBalancer = (options: BalancerOptions): Balancer => new Balance(options);

class Balance implements Balancer, Warden {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly chance: Chance;
  readonly locality: string;
  /** Grows when other endpoints may be chosen than before. */
  revision = 0;
  endpoints: readonly WeighedEndpoint[] = [];
  readonly #options: BalancerOptions;
  readonly #typical = new TypicalLatency();
  readonly #all: Picker;
  #ejected = 0;
  #intervalEndMs: number;
  #forgivenMs = Number.NEGATIVE_INFINITY;

  constructor(options: BalancerOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.chance = new Chance(options.random);
    this.locality = options.locality ?? "";
    this.#intervalEndMs = options.clock.monotonicMs() + INTERVAL_MS;
    this.#all = this.among(() => true);
  }

  get isAlone(): boolean {
    return this.endpoints.length === 1;
  }

  update(endpoints: readonly Endpoint[]): void {
    const { subset } = this.#options;
    const kept = subset === undefined ? endpoints : subsetOf(endpoints, subset.size ?? SUBSET_SIZE, subset.key);
    const known = new Map(this.endpoints.map((each) => [idOf(each.endpoint), each]));
    const nowMs = this.clock.monotonicMs();
    this.endpoints = kept.map((endpoint) => {
      const each = known.get(idOf(endpoint)) ?? this.#weighed(endpoint, nowMs);
      each.endpoint = endpoint;
      return each;
    });
    this.revision++;
    this.#ejected = this.endpoints.filter(({ ejection }) => ejection !== undefined).length;
    this.#restoreSurplus();
  }

  pick(avoid?: readonly string[]): Candidate | undefined {
    return this.#all.pick(avoid);
  }

  among(fits: (endpoint: Endpoint) => boolean): Picker {
    return new Choice(this, fits);
  }

  describe(): readonly EndpointReport[] {
    const nowMs = this.clock.monotonicMs();
    return this.endpoints.map((each) => each.reportAt(nowMs));
  }

  /** Does what is due: compares the endpoints of an interval that is over. */
  lookAt(nowMs: number): void {
    if (nowMs < this.#intervalEndMs) return;
    this.#intervalEndMs = nowMs + INTERVAL_MS;
    for (const each of this.endpoints) {
      if (each.ejection === undefined && each.ejections > 0) each.ejections--;
    }
    const running = this.endpoints.filter(({ ejection }) => ejection === undefined);
    const measure = measureOf(running);
    for (const each of running) {
      if (measure !== undefined && isOutlier(each, measure)) {
        const [rate, mean] = [rateOf(each), measure.mean].map((part) => `${Math.round(part * 100)} %`);
        this.suspect(each, `${rate} of its calls succeeded, of others ${mean}`, nowMs);
      }
    }
    for (const each of this.endpoints) {
      each.successes = 0;
      each.failures = 0;
    }
  }

  suspect(endpoint: WeighedEndpoint, why: string, nowMs: number): void {
    if (this.#ejected >= this.#ejectedMax) {
      this.#forgiveWhereNoneIsWell(nowMs);
      return;
    }
    // One that has left may still have calls on their way.
    if (!this.endpoints.includes(endpoint)) return;
    this.#ejected++;
    this.#eject(endpoint, why, nowMs);
    this.revision++;
  }

  probeFailed(endpoint: WeighedEndpoint, nowMs: number): void {
    this.#eject(endpoint, "the call that it was tried by has failed", nowMs);
  }

  restore(endpoint: WeighedEndpoint): void {
    const nowMs = this.clock.monotonicMs();
    endpoint.restore(nowMs);
    if (!this.endpoints.includes(endpoint)) return;
    this.#ejected--;
    this.revision++;
    this.#options.changed?.(endpoint.reportAt(nowMs));
  }

  get #ejectedMax(): number {
    const { length } = this.endpoints;
    return length < 2 ? 0 : Math.max(1, Math.floor(length * EJECTED_SHARE_MAX));
  }

  #weighed(endpoint: Endpoint, nowMs: number): WeighedEndpoint {
    return new WeighedEndpoint(endpoint, { warden: this, clock: this.clock, typical: this.#typical, nowMs });
  }

  #eject(endpoint: WeighedEndpoint, why: string, nowMs: number): void {
    endpoint.ejections++;
    const ms = Math.min(EJECTION_MS * endpoint.ejections, EJECTION_MS_MAX);
    const untilMs = nowMs + ms * (1 + EJECTION_JITTER * this.chance.share());
    endpoint.ejection = { why, untilMs, stage: "waiting" };
    this.#options.changed?.(endpoint.reportAt(nowMs));
  }

  /** Those that are left fail too: the ejected ones may be no worse. Now and then, since a whole service may be failing for long. */
  #forgiveWhereNoneIsWell(nowMs: number): void {
    if (nowMs - this.#forgivenMs < INTERVAL_MS) return;
    if (this.endpoints.some((each) => each.ejection === undefined && !each.isFailing)) return;
    this.#forgivenMs = nowMs;
    for (const each of this.endpoints) {
      if (each.ejection === undefined) continue;
      each.ejections--;
      this.restore(each);
    }
  }

  /** Others have left, and more are ejected than may be: those come back whose time is over first. */
  #restoreSurplus(): void {
    while (this.#ejected > this.#ejectedMax) {
      const ejected = this.endpoints.filter(({ ejection }) => ejection !== undefined);
      this.restore(ejected.reduce((a, b) => (untilMsOf(b) < untilMsOf(a) ? b : a)));
    }
  }
}

const untilMsOf = ({ ejection }: WeighedEndpoint): number => ejection?.untilMs ?? 0;

/** What listens at another address is another endpoint, whatever it calls itself. */
const idOf = ({ instanceId, address }: Endpoint): string => `${instanceId} ${address}`;
