import type { ConnectError } from "@connectrpc/connect";
import { ByteQueue, type HttpStream, type ResetCause, type StreamHandler } from "../wire/index.ts";
import { resetError } from "./reset-error.ts";

/**
 * A request's body as an asynchronous iterable. The peer may send on when a piece was taken, so that no more than a stream's window
 * waits here. Throws at the reader when the stream breaks.
 */
export class RequestBody implements StreamHandler, AsyncIterableIterator<Uint8Array> {
  /** Everything has come. */
  ended: boolean;
  /** Why nothing comes or goes any more. */
  error: ConnectError | undefined;
  readonly #stream: HttpStream;
  readonly #onBroken: (error: ConnectError) => void;
  readonly #waiting = new ByteQueue();
  #isDiscarded = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** `onBroken`: the stream was reset, or its connection is gone. */
  constructor(stream: HttpStream, end: boolean, onBroken: (error: ConnectError) => void) {
    this.#stream = stream;
    this.ended = end;
    this.#onBroken = onBroken;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        this.#stream.consume(chunk.length);
        return { done: false, value: chunk };
      }
      if (this.error !== undefined) throw this.error;
      if (this.ended || this.#isDiscarded) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.discard();
    return { done: true, value: undefined };
  }

  /** Drops what has come and what will. */
  discard(): void {
    this.#isDiscarded = true;
    this.#stream.consume(this.#waiting.length);
    this.#waiting.clear();
    this.#wakeReader?.();
  }

  /** Resolves when the stream takes more; rejects when it never will. */
  async drained(): Promise<void> {
    if (this.error !== undefined) throw this.error;
    await new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
    });
    if (this.error !== undefined) throw this.error;
  }

  onHeaders(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    this.ended = end;
    if (this.#isDiscarded) this.#stream.consume(chunk.length);
    else this.#waiting.push(chunk);
    this.#wakeReader?.();
  }

  onTrailers(): void {
    this.ended = true;
    this.#wakeReader?.();
  }

  onReset(code: number, cause: ResetCause): void {
    this.error = resetError(code, cause);
    this.#onBroken(this.error);
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  onDrain(): void {
    this.#wakeWriter?.();
  }
}
