import type { Timers } from "../runtime/index.ts";
import { ErrorCode, type HttpStream, type StreamHandler } from "../wire/index.ts";

/** Milliseconds after its answer that a request may go on: most are about to end, and an end is kinder than a reset. */
const GRACE_MS = 100;
/** Bytes that a request may go on for after its answer. */
const GRACE_BYTES = 1024 * 1024;

/**
 * Takes what a peer still sends on a stream whose answer is complete, for nobody, so that it stalls no connection. A peer that goes
 * on is stopped (RFC 9113, 8.1: RST_STREAM with NO_ERROR), by the bytes alone where there are no timers.
 */
export const discardBody = (stream: HttpStream, timers: Timers | undefined): void => {
  if (stream.closed) return;
  stream.handler = new Discard(stream);
  if (timers === undefined) return;
  const stop = () => {
    if (stream.closed) return;
    // A reset would take with it what is left of the answer.
    if (stream.queuedBytes > 0) timers.after(GRACE_MS, stop);
    else stream.reset(ErrorCode.NO_ERROR);
  };
  timers.after(GRACE_MS, stop);
};

class Discard implements StreamHandler {
  readonly #stream: HttpStream;
  #bytes = 0;

  constructor(stream: HttpStream) {
    this.#stream = stream;
  }

  onHeaders(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    this.#bytes += chunk.length;
    this.#stream.consume(chunk.length);
    if (!end && this.#bytes > GRACE_BYTES && this.#stream.queuedBytes === 0) this.#stream.reset(ErrorCode.NO_ERROR);
  }

  onTrailers(): void {}

  onReset(): void {}

  onDrain(): void {}
}
