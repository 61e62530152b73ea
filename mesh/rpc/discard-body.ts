import type { Timer, Timers } from "../runtime/index.ts";
import { ErrorCode, type HttpStream, type StreamHandler } from "../wire/index.ts";

/** Milliseconds after its answer that a request may go on: most are about to end, and an end is kinder than a reset. */
const GRACE_MS = 100;
/** Bytes that a request may go on for after its answer. */
const GRACE_BYTES = 1024 * 1024;

/**
 * Takes what a peer still sends on a stream whose answer is complete, for nobody, so that it stalls no connection. A peer that goes
 * on is stopped (RFC 9113, 8.1: RST_STREAM with NO_ERROR).
 */
export const discardBody = (stream: HttpStream, timers: Timers): void => {
  if (stream.closed) return;
  const discard = new Discard(stream, timers);
  stream.handler = discard;
  const waiting = fresh.get(timers);
  if (waiting !== undefined) {
    waiting.push(discard);
    return;
  }
  const begun = [discard];
  fresh.set(timers, begun);
  timers.afterTurn(() => {
    fresh.delete(timers);
    for (const each of begun) each.wait();
  });
};

/** Those of this turn: most requests end within it, and cost no timer. */
const fresh = new WeakMap<Timers, Discard[]>();

class Discard implements StreamHandler {
  readonly #stream: HttpStream;
  readonly #timers: Timers;
  #timer: Timer | undefined;
  #bytes = 0;
  #isOver = false;

  constructor(stream: HttpStream, timers: Timers) {
    this.#stream = stream;
    this.#timers = timers;
  }

  onHeaders(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    this.#bytes += chunk.length;
    this.#stream.consume(chunk.length);
    if (end) this.#end();
    else if (this.#bytes > GRACE_BYTES && this.#stream.queuedBytes === 0) this.#stop();
  }

  onTrailers(): void {
    this.#end();
  }

  onReset(): void {
    this.#end();
  }

  onDrain(): void {}

  /** Stops a peer that goes on for too long. */
  wait(): void {
    if (this.#isOver) return;
    this.#timer = this.#timers.after(GRACE_MS, () => {
      // A reset would take with it what is left of the answer.
      if (this.#stream.queuedBytes > 0) this.wait();
      else this.#stop();
    });
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #stop(): void {
    this.#end();
    if (!this.#stream.closed) this.#stream.reset(ErrorCode.NO_ERROR);
  }
}
