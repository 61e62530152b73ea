import type { Slot } from "@heddle/mesh/discovery";
import type { ConcurrencyLimit } from "@heddle/mesh/policy";
import type { HttpStream } from "@heddle/mesh/wire";
import type { PacedResets } from "./paced-resets.ts";

/** A call's place in the load of an instance, which is reset at a pace that the instance bears, and counts until it is rid of the call. */
export class LoadSlot implements Slot {
  readonly #load: ConcurrencyLimit | undefined;
  readonly #resets: PacedResets;

  /** A call that is over the bound by a turn, because it was chosen together with others, is let in uncounted. */
  constructor(load: ConcurrencyLimit, resets: PacedResets) {
    this.#load = load.enter() ? load : undefined;
    this.#resets = resets;
  }

  leave(): void {
    this.#load?.leave();
  }

  reset(stream: HttpStream, code: number): void {
    this.#resets.reset(stream, code, this.#load);
  }
}
