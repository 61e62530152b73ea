import { Code } from "@connectrpc/connect";
import type { Clock, Timers } from "../runtime/index.ts";
import type { ServedCall } from "./served-call.ts";

/** How calls have ended since the start. */
export interface CallCounts {
  readonly calls: number;
  /** Those among them whose failure may be the service's own doing: what a rollout is judged by. */
  readonly failures: number;
}

/** Codes of failures that a version can be to blame for; a refusal of what the caller asked is none. */
const BLAMED: ReadonlySet<number> = new Set([
  Code.Unknown,
  Code.Internal,
  Code.DataLoss,
  Code.DeadlineExceeded,
  Code.Unavailable,
]);

/**
 * Ends calls in time, and counts how they ended. A call that is answered in the turn in which it began, as most are, costs no timer: only those that are
 * left at its end are armed.
 */
export class CallWatch {
  readonly #clock: Clock;
  readonly #timers: Timers;
  #fresh: ServedCall[] = [];
  readonly #running = new Set<ServedCall>();
  #draining: unknown;
  #calls = 0;
  #failures = 0;
  readonly #settle = () => this.#settleTurn();

  constructor({ clock, timers }: { clock: Clock; timers: Timers }) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** A call has begun. */
  enter(call: ServedCall): void {
    if (this.#fresh.length === 0) this.#timers.afterTurn(this.#settle);
    this.#fresh.push(call);
  }

  /** How calls have ended so far. */
  get counts(): CallCounts {
    return { calls: this.#calls, failures: this.#failures };
  }

  /** A call has ended with a status; 0 is OK. */
  leave(call: ServedCall, code: number): void {
    this.#calls++;
    if (BLAMED.has(code)) this.#failures++;
    if (call.timer === undefined && !this.#running.has(call)) return;
    call.timer?.cancel();
    call.timer = undefined;
    this.#running.delete(call);
  }

  /** Ends streams, now and from now on: the server drains. */
  drain(reason: unknown): void {
    this.#draining = reason;
    for (const call of [...this.#fresh, ...this.#running]) if (call.endsAtDrain) call.abort(reason);
  }

  /** Ends every call that runs. */
  cut(reason: unknown): void {
    for (const call of [...this.#fresh, ...this.#running]) call.abort(reason);
  }

  #settleTurn(): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const call of fresh) if (!call.ended) this.#arm(call);
  }

  #arm(call: ServedCall): void {
    this.#running.add(call);
    if (this.#draining !== undefined && call.endsAtDrain) {
      call.abort(this.#draining);
      return;
    }
    const { deadlineMs } = call;
    if (deadlineMs === undefined) return;
    const leftMs = deadlineMs - this.#clock.monotonicMs();
    call.timer = this.#timers.after(Math.max(0, leftMs), () => call.abort(call.compiled.late()));
  }
}
