import type { ConcurrencyLimit } from "@heddle/mesh/policy";
import type { Clock, Timer, Timers } from "@heddle/mesh/runtime";
import { Budget, DEFAULT_WIRE_LIMITS, type HttpStream, type StreamHandler } from "@heddle/mesh/wire";

/** What a stream is counted in. */
type Load = Pick<ConcurrencyLimit, "leave">;

/** Milliseconds between looks at resets that wait. */
const PERIOD_MS = 50;

/**
 * Resets of streams to one instance, on connections that all callers share. An instance ends a connection that resets too often
 * (Rapid Reset), so callers who leave in crowds must not make the gateway one: it resets at half the pace that instances allow, and
 * the streams that wait for it are read for nobody.
 */
export class PacedResets {
  readonly #timers: Timers;
  readonly #budget: Budget;
  readonly #waiting: { readonly stream: HttpStream; readonly code: number; readonly load: Load | undefined }[] = [];
  #timer: Timer | undefined;

  constructor({ clock, timers }: { clock: Clock; timers: Timers }) {
    this.#timers = timers;
    const { resetsBurst, resetsPerSecond } = DEFAULT_WIRE_LIMITS;
    this.#budget = new Budget(resetsBurst / 2, resetsPerSecond / 2, clock);
  }

  /** Streams that wait to be reset. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resets a stream, now or soon; its handler hears nothing more. `load` is left when the instance is rid of it. */
  reset(stream: HttpStream, code: number, load?: Load): void {
    if (stream.closed || (this.#waiting.length === 0 && this.#budget.take())) {
      stream.reset(code);
      load?.leave();
      return;
    }
    stream.handler = new ForNobody(stream);
    // Bounded by the streams that the instance lets be open.
    this.#waiting.push({ stream, code, load });
    this.#timer ??= this.#timers.every(PERIOD_MS, () => this.#resetSome());
  }

  #resetSome(): void {
    let done = 0;
    for (const { stream, code, load } of this.#waiting) {
      if (!stream.closed) {
        if (!this.#budget.take()) break;
        stream.reset(code);
      }
      load?.leave();
      done++;
    }
    this.#waiting.splice(0, done);
    if (this.#waiting.length > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

class ForNobody implements StreamHandler {
  readonly #stream: HttpStream;

  constructor(stream: HttpStream) {
    this.#stream = stream;
  }

  onHeaders(): void {}

  onData(chunk: Uint8Array): void {
    this.#stream.consume(chunk.length);
  }

  onTrailers(): void {}

  onReset(): void {}

  onDrain(): void {}
}
