import type { Timer, Timers } from "../runtime/index.ts";
import { WATCH_AGAIN_MS, WATCH_POLL_MS, WATCH_SLOW_POLL_MS } from "./limits.ts";

export interface CommitWatchDeps {
  /** Calls back after writes to the log, of whatever process; undefined where the system cannot. */
  readonly watchLog: (onWrite: () => void) => (() => void) | undefined;
  /** True when others have committed since it was asked last. */
  readonly notice: () => boolean;
  readonly timers: Pick<Timers, "after" | "every">;
  /** Others have committed. */
  readonly onCommit: () => void;
}

/**
 * Finds out that another process has committed, within a few milliseconds. The operating system tells of writes to the log; the commit
 * can be seen a moment after its last write, so that a look which finds nothing is repeated. A slow poll stands behind it, and a quick
 * one where the system tells nothing.
 */
export class CommitWatch {
  readonly #deps: CommitWatchDeps;
  #stopWatching: (() => void) | undefined;
  #poll: Timer | undefined;
  #again: Timer | undefined;

  constructor(deps: CommitWatchDeps) {
    this.#deps = deps;
  }

  start(): void {
    if (this.#poll !== undefined) return;
    this.#stopWatching = this.#deps.watchLog(() => this.#written());
    const periodMs = this.#stopWatching === undefined ? WATCH_POLL_MS : WATCH_SLOW_POLL_MS;
    this.#poll = this.#deps.timers.every(periodMs, () => void this.#look());
    this.#look();
  }

  stop(): void {
    this.#stopWatching?.();
    this.#poll?.cancel();
    this.#again?.cancel();
    this.#stopWatching = this.#poll = this.#again = undefined;
  }

  #written(): void {
    this.#again?.cancel();
    this.#again = undefined;
    if (!this.#look()) this.#lookAgain(0);
  }

  #lookAgain(tried: number): void {
    const waitMs = WATCH_AGAIN_MS[tried];
    if (waitMs === undefined) return;
    this.#again = this.#deps.timers.after(waitMs, () => {
      this.#again = undefined;
      if (!this.#look()) this.#lookAgain(tried + 1);
    });
  }

  #look(): boolean {
    const noticed = this.#deps.notice();
    if (noticed) this.#deps.onCommit();
    return noticed;
  }
}
