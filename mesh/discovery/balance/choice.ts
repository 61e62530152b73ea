import type { Clock } from "../../runtime/index.ts";
import type { Picker } from "../balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Chance } from "./chance.ts";
import { NEAR_OVERPROVISION, SLOW_START_MS, SLOW_START_SHARE_MIN } from "./limits.ts";
import type { WeighedEndpoint } from "./weighed-endpoint.ts";

/** What a choice is made from. */
export interface Known {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly chance: Chance;
  /** Where the caller runs; empty: nobody has said. */
  readonly locality: string;
  readonly endpoints: readonly WeighedEndpoint[];
  /** True while there is only one. */
  readonly isAlone: boolean;
  /** Grows when other endpoints may be chosen than before. */
  readonly revision: number;
  /** To be called now and then. */
  lookAt(nowMs: number): void;
}

/** Times that two are drawn for one that is not to be avoided. */
const DRAWS_MAX = 3;
/** Times that one is drawn for another that does not stand back. */
const NEW_DRAWS_MAX = 6;

/** Chooses among those endpoints that are fit: the better of two that chance names (Mitzenmacher, 2001). */
export class Choice implements Picker {
  readonly #known: Known;
  readonly #fits: (endpoint: Endpoint) => boolean;
  #revision = -1;
  /** Those that are fit. */
  #all: readonly WeighedEndpoint[] = [];
  /** Those of them that are well: near the caller, and elsewhere. Where nobody has said where the caller is, all are near. */
  #near: readonly WeighedEndpoint[] = [];
  #far: readonly WeighedEndpoint[] = [];
  #ejected: readonly WeighedEndpoint[] = [];
  /** The part of calls that stays near. */
  #nearShare = 1;
  /** `Clock.monotonicMs` since when the oldest and the newest get calls. */
  #oldestMs = 0;
  #newestMs = 0;

  constructor(known: Known, fits: (endpoint: Endpoint) => boolean) {
    this.#known = known;
    this.#fits = fits;
  }

  pick(avoid?: readonly string[]): WeighedEndpoint | undefined {
    if (this.#revision !== this.#known.revision) this.#look();
    const all = this.#all;
    if (all.length === 0 || this.#known.isAlone) return all[0];
    const nowMs = this.#known.clock.monotonicMs();
    this.#known.lookAt(nowMs);
    if (this.#revision !== this.#known.revision) this.#look();
    for (const each of this.#ejected) {
      if (!each.isDueForProbe(nowMs) || isAvoided(each, avoid)) continue;
      each.offerProbe();
      return each;
    }
    const pool = this.#pool();
    const picked = this.#better(pool, nowMs, avoid !== undefined && avoid.length > 0);
    return isAvoided(picked, avoid) ? this.#another(avoid, nowMs) : picked;
  }

  #look(): void {
    this.#revision = this.#known.revision;
    const { locality, endpoints } = this.#known;
    const all = endpoints.filter(({ endpoint }) => this.#fits(endpoint));
    const well = all.filter(({ ejection }) => ejection === undefined);
    const isNear = ({ endpoint }: WeighedEndpoint) => locality === "" || endpoint.locality === locality;
    this.#all = all;
    this.#ejected = all.filter(({ ejection }) => ejection !== undefined);
    // When all are ejected, any is better than none.
    const usable = well.length > 0 ? well : all;
    this.#near = usable.filter(isNear);
    this.#far = usable.filter((each) => !isNear(each));
    this.#nearShare = (this.#near.length / all.filter(isNear).length) * NEAR_OVERPROVISION;
    this.#oldestMs = usable.reduce((oldest, { enteredMs }) => Math.min(oldest, enteredMs), Number.POSITIVE_INFINITY);
    this.#newestMs = usable.reduce((newest, { enteredMs }) => Math.max(newest, enteredMs), Number.NEGATIVE_INFINITY);
  }

  /** Those near the caller, or elsewhere where too few of them are well. */
  #pool(): readonly WeighedEndpoint[] {
    if (this.#far.length === 0) return this.#near;
    if (this.#near.length === 0) return this.#far;
    return this.#nearShare >= 1 || this.#known.chance.share() < this.#nearShare ? this.#near : this.#far;
  }

  /** The better of two. `pool`: at least one. */
  #better(pool: readonly WeighedEndpoint[], nowMs: number, isAgain: boolean): WeighedEndpoint {
    const { chance } = this.#known;
    const { length } = pool;
    let one = chance.below(length);
    if (length === 1) return pool[one] as WeighedEndpoint;
    const someAreNew = nowMs - this.#newestMs < SLOW_START_MS;
    // One that is new stands back, now and then; both of two that are new would do so alike.
    for (let draws = 1; someAreNew && draws < NEW_DRAWS_MAX && this.#standsBack(pool[one], nowMs); draws++) {
      one = chance.below(length);
    }
    let other = chance.below(length - 1);
    if (other >= one) other++;
    const first = pool[one] as WeighedEndpoint;
    const second = pool[other] as WeighedEndpoint;
    if (someAreNew && !first.isSilentBeside(second, nowMs) && this.#standsBack(second, nowMs)) return first;
    return second.isBetterThan(first, nowMs, isAgain) ? second : first;
  }

  #standsBack(endpoint: WeighedEndpoint | undefined, nowMs: number): boolean {
    if (endpoint === undefined || nowMs - endpoint.enteredMs >= SLOW_START_MS) return false;
    const share = shareOf(nowMs - endpoint.enteredMs) / shareOf(nowMs - this.#oldestMs);
    return share < 1 && this.#known.chance.share() >= share;
  }

  /** One that is not to be avoided: the better of two where that is soon found, else any; where there is none, any that is. */
  #another(avoid: readonly string[] | undefined, nowMs: number): WeighedEndpoint {
    for (let draws = 1; draws < DRAWS_MAX; draws++) {
      const picked = this.#better(this.#pool(), nowMs, true);
      if (!isAvoided(picked, avoid)) return picked;
    }
    return (
      this.#anyBut(this.#near, avoid) ??
      this.#anyBut(this.#far, avoid) ??
      this.#anyBut(this.#ejected, avoid) ??
      this.#better(this.#pool(), nowMs, true)
    );
  }

  #anyBut(pool: readonly WeighedEndpoint[], avoid: readonly string[] | undefined): WeighedEndpoint | undefined {
    const { length } = pool;
    const start = this.#known.chance.below(length);
    for (let step = 0; step < length; step++) {
      const each = pool[(start + step) % length];
      if (each !== undefined && !isAvoided(each, avoid)) return each;
    }
    return undefined;
  }
}

const isAvoided = ({ endpoint }: WeighedEndpoint, avoid: readonly string[] | undefined): boolean =>
  avoid?.includes(endpoint.address) ?? false;

/** The part of its share that one gets which has had calls for so long. */
const shareOf = (ms: number): number => Math.max(SLOW_START_SHARE_MIN, Math.min(1, ms / SLOW_START_MS));
