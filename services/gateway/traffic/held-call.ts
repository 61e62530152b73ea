import type { Timer, Timers } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream, StreamHandler } from "@heddle/mesh/wire";

/**
 * A call that is held before it goes on. What comes of its request meanwhile waits here and is not consumed, so that no more comes
 * than flow control lets through. A caller that leaves ends it.
 */
export class HeldCall implements StreamHandler {
  readonly #stream: HttpStream;
  readonly #goOn: () => void;
  readonly #timer: Timer;
  readonly #pieces: { readonly bytes: Uint8Array; readonly end: boolean }[] = [];
  #trailers: HeaderList | undefined = undefined;
  #isOver = false;

  /** `goOn` takes the exchange over, after so many milliseconds. */
  constructor(stream: HttpStream, delayMs: number, { timers, goOn }: { timers: Timers; goOn: () => void }) {
    this.#stream = stream;
    this.#goOn = goOn;
    stream.handler = this;
    this.#timer = timers.after(delayMs, () => this.#release());
  }

  onHeaders(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    // Nobody has taken the exchange over: it was answered.
    if (this.#isOver) this.#stream.consume(chunk.length);
    // Lent for this call only.
    else this.#pieces.push({ bytes: Buffer.from(chunk), end });
  }

  onTrailers(trailers: HeaderList): void {
    this.#trailers = trailers;
  }

  onReset(): void {
    this.#isOver = true;
    this.#timer.cancel();
  }

  onDrain(): void {}

  #release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#goOn();
    const { handler } = this.#stream;
    for (const { bytes, end } of this.#pieces) handler.onData(bytes, end);
    if (this.#trailers !== undefined && handler !== this) handler.onTrailers(this.#trailers);
  }
}
