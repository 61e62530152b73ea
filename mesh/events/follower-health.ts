import type { Clock } from "../runtime/index.ts";
import { errorText } from "./errors.ts";
import { LAG_ALARM_MS, SILENCE_MS_MAX } from "./limits.ts";

/** How a subscription goes, as it is told to operators. */
export type FollowerState = "connected" | "retrying" | "stalled" | "rebuilding" | "diverged";

/** What is known of one subscription's progress. */
export class FollowerHealth {
  readonly #clock: Clock;
  readonly startTimeMs: number;
  eventsApplied = 0;
  /** The feed's last sequence, as far as it is known. */
  feedLast = 0n;
  /** True while the feed says that it diverged. */
  diverged = false;
  /** True while a stream is open that has said something. */
  connected = false;
  /** True while nothing is read because there is no room for it. */
  full = false;
  lastError = "";
  lastErrorTimeMs: number | undefined;
  /** By the monotonic clock. */
  #contactMs: number;
  #progressMs: number;
  #streamMs: number;
  #stalled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.startTimeMs = clock.nowMs();
    this.#contactMs = clock.monotonicMs();
    this.#progressMs = this.#contactMs;
    this.#streamMs = this.#contactMs;
  }

  /** A stream is asked for. */
  beginStream(): void {
    this.#streamMs = this.#clock.monotonicMs();
  }

  /** Milliseconds for which the stream has said nothing, or nothing yet. */
  get streamSilenceMs(): number {
    return Math.min(this.silenceMs, this.#clock.monotonicMs() - this.#streamMs);
  }

  /** The feed has said something. */
  contact(): void {
    this.#contactMs = this.#clock.monotonicMs();
    this.connected = true;
    this.diverged = false;
  }

  /** Events took effect, or were passed over. */
  progress(applied: number): void {
    this.eventsApplied += applied;
    this.#progressMs = this.#clock.monotonicMs();
  }

  error(error: unknown): void {
    this.lastError = errorText(error);
    this.lastErrorTimeMs = this.#clock.nowMs();
  }

  /** Milliseconds since the feed was heard of. */
  get silenceMs(): number {
    return this.full ? 0 : this.#clock.monotonicMs() - this.#contactMs;
  }

  /** Milliseconds by which a subscription lags; `oldestMs`: when its oldest event was made that has not taken effect. */
  lagMs(oldestMs: number | undefined): number {
    const ageMs = oldestMs === undefined ? 0 : Math.max(0, this.#clock.nowMs() - oldestMs);
    const silenceMs = this.silenceMs;
    return Math.max(ageMs, silenceMs > SILENCE_MS_MAX ? silenceMs : 0);
  }

  /** Whether the lag is an alarm now, and whether that is news. One that is rebuilt lags by its nature: it has to move on. */
  look(lagMs: number, rebuilding: boolean): { readonly stalled: boolean; readonly changed: boolean } {
    const stuckMs = rebuilding ? Math.min(lagMs, this.#clock.monotonicMs() - this.#progressMs) : lagMs;
    const stalled = stuckMs >= LAG_ALARM_MS;
    const changed = stalled !== this.#stalled;
    this.#stalled = stalled;
    return { stalled, changed };
  }

  state(rebuilding: boolean): FollowerState {
    if (this.diverged) return "diverged";
    if (this.#stalled) return "stalled";
    if (!this.connected) return "retrying";
    return rebuilding ? "rebuilding" : "connected";
  }
}
