import type { Clock } from "../../runtime/index.ts";
import { type Picker, SOMEWHERE } from "../balancer.ts";
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
    const again = avoid === undefined || avoid.length === 0 ? undefined : avoid;
    return this.#better(this.#pool(), nowMs, again) ?? this.#another(again, nowMs);
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

  /** The better of two, or the only one; undefined where all are to be avoided. `avoid`: undefined for a call that is sent for the first time. */
  #better(
    pool: readonly WeighedEndpoint[],
    nowMs: number,
    avoid: readonly string[] | undefined,
  ): WeighedEndpoint | undefined {
    let one = this.#draw(pool, avoid);
    if (pool.length === 1 || one === undefined) return one === undefined ? undefined : pool[one];
    const someAreNew = nowMs - this.#newestMs < SLOW_START_MS;
    // One that is new stands back, now and then; both of two that are new would do so alike.
    for (let draws = 1; someAreNew && draws < NEW_DRAWS_MAX && this.#standsBack(pool[one], nowMs); draws++) {
      one = this.#draw(pool, avoid) ?? one;
    }
    const other = this.#draw(pool, avoid, one);
    const first = pool[one] as WeighedEndpoint;
    const second = other === undefined ? undefined : pool[other];
    if (second === undefined) return first;
    const isAgain = avoid !== undefined;
    if (someAreNew && !first.isSilentBeside(second, nowMs, isAgain) && this.#standsBack(second, nowMs)) return first;
    return second.isBetterThan(first, nowMs, isAgain) ? second : first;
  }

  /** The place of one in `pool`, at least one long, that is not to be avoided, and another than the one at `but`; undefined: there is none. */
  #draw(pool: readonly WeighedEndpoint[], avoid: readonly string[] | undefined, but?: number): number | undefined {
    const { chance } = this.#known;
    const { length } = pool;
    let index = but === undefined ? chance.below(length) : chance.below(length - 1);
    if (but !== undefined && index >= but) index++;
    if (avoid === undefined) return index;
    for (let step = 0; step < length; step++) {
      if (index !== but && !isAvoided(pool[index] as WeighedEndpoint, avoid)) return index;
      index = index + 1 === length ? 0 : index + 1;
    }
    return undefined;
  }

  #standsBack(endpoint: WeighedEndpoint | undefined, nowMs: number): boolean {
    if (endpoint === undefined || nowMs - endpoint.enteredMs >= SLOW_START_MS) return false;
    const share = shareOf(nowMs - endpoint.enteredMs) / shareOf(nowMs - this.#oldestMs);
    return share < 1 && this.#known.chance.share() >= share;
  }

  /** Any that is not to be avoided, wherever it is; where there is none, the better of those that are. */
  #another(avoid: readonly string[] | undefined, nowMs: number): WeighedEndpoint | undefined {
    return (
      this.#anyBut(this.#near, avoid) ??
      this.#anyBut(this.#far, avoid) ??
      this.#anyBut(this.#ejected, avoid) ??
      this.#better(this.#pool(), nowMs, SOMEWHERE)
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
