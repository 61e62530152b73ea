import type { Timer, Timers } from "@heddle/mesh/runtime";

/** Something that must be over in time. */
export interface Guarded {
  /** Its place among those that are guarded: the guard's own. */
  guard: GuardPlace | undefined;
  /** Called when it is not. */
  expire(): void;
}

/** Milliseconds between looks, by which an end may come late. */
const PERIOD_MS = 100;

export interface GuardPlace {
  readonly guarded: Guarded | undefined;
  dueLook: number;
  before: GuardPlace;
  after: GuardPlace;
}

/** Watches over many things that end in time nearly always: one timer for all, which looks at them now and then. */
export class HangGuard {
  readonly #timers: Timers;
  readonly #ring: GuardPlace;
  #timer: Timer | undefined;
  #looks = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
    const ring = { guarded: undefined, dueLook: Number.POSITIVE_INFINITY } as GuardPlace;
    ring.before = ring;
    ring.after = ring;
    this.#ring = ring;
  }

  /** Calls `expire` once, `timeoutMs` milliseconds from now or a little later. Replaces what was set before. */
  watch(guarded: Guarded, timeoutMs: number): void {
    const dueLook = this.#looks + Math.ceil(timeoutMs / PERIOD_MS) + 1;
    if (guarded.guard !== undefined) {
      guarded.guard.dueLook = dueLook;
      return;
    }
    const ring = this.#ring;
    const place: GuardPlace = { guarded, dueLook, before: ring.before, after: ring };
    ring.before.after = place;
    ring.before = place;
    guarded.guard = place;
    this.#timer ??= this.#timers.every(PERIOD_MS, () => this.#look());
  }

  /** Guards it no more. */
  forget(guarded: Guarded): void {
    const place = guarded.guard;
    if (place === undefined) return;
    guarded.guard = undefined;
    place.before.after = place.after;
    place.after.before = place.before;
  }

  #look(): void {
    const ring = this.#ring;
    if (ring.after === ring) {
      this.#timer?.cancel();
      this.#timer = undefined;
      return;
    }
    this.#looks++;
    const due: GuardPlace[] = [];
    for (let place = ring.after; place !== ring; place = place.after) if (place.dueLook <= this.#looks) due.push(place);
    for (const place of due) {
      const { guarded } = place;
      // One that expires may have ended others, or given them more time.
      if (guarded?.guard !== place || place.dueLook > this.#looks) continue;
      this.forget(guarded);
      guarded.expire();
    }
  }
}
