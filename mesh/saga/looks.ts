import type { Logger } from "../observe/index.ts";
import type { Timer, Timers } from "../runtime/index.ts";
import { LOOK_PERIOD_MS, TOLD_MS } from "./limits.ts";

/** Looks into the store, one at a time: now and then, and a moment after somebody has said that there may be something. */
export class Looks {
  readonly #deps: { readonly timers: Pick<Timers, "after" | "every">; readonly log: Logger };
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #stopped = false;

  constructor(deps: { readonly timers: Pick<Timers, "after" | "every">; readonly log: Logger }) {
    this.#deps = deps;
  }

  /** Looks every LOOK_PERIOD_MS from now on. */
  every(look: () => void): void {
    this.#timer = this.#deps.timers.every(LOOK_PERIOD_MS, look);
  }

  /** Looks in TOLD_MS, unless that is about to happen. */
  soon(look: () => void): void {
    if (this.#soon !== undefined || this.#stopped) return;
    this.#soon = this.#deps.timers.after(TOLD_MS, () => {
      this.#soon = undefined;
      look();
    });
  }

  /** Looks now, unless a look is under way. */
  now(work: () => Promise<void>): void {
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = work()
      .catch((error: unknown) => this.#deps.log.warn({ err: error }, "sagas that are due could not be looked for"))
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when no look is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Ends them; resolves when none is under way. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#soon?.cancel();
    return this.idle();
  }
}
