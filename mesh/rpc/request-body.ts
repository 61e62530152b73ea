import type { ConnectError } from "@connectrpc/connect";
import { ByteQueue, type HttpStream, type ResetCause, type StreamHandler } from "../wire/index.ts";
import { EnvelopeCounter } from "./envelope-counter.ts";
import type { HeldRequest } from "./held-requests.ts";
import { resetError } from "./reset-error.ts";

/** Bytes that are worth a piece of their own. */
const PIECE_BYTES = 16 * 1024;

/**
 * A request's body as an asynchronous iterable. The peer may send on when a piece was taken, so that no more than a stream's window
 * waits here. Throws at the reader when the stream breaks.
 */
export class RequestBody implements StreamHandler, AsyncIterableIterator<Uint8Array> {
  /** Everything has come. */
  ended: boolean;
  /** Why nothing comes or goes any more. */
  error: ConnectError | undefined;
  /** Why no more of it is waited for, though an answer can be given. */
  #refusal: ConnectError | undefined;
  readonly #stream: HttpStream;
  readonly #onBroken: (error: ConnectError) => void;
  readonly #waiting = new ByteQueue();
  readonly #held: HeldRequest | undefined;
  /** Of a body that is a stream of messages. */
  readonly #envelopes: EnvelopeCounter | undefined;
  #isDiscarded = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /**
   * `onBroken`: the stream was reset, or its connection is gone. `enveloped`: the body is messages, each of use by itself. `held`: what
   * counts a body that is of use as a whole only.
   */
  constructor(
    stream: HttpStream,
    end: boolean,
    onBroken: (error: ConnectError) => void,
    { enveloped = false, held }: { enveloped?: boolean; held?: HeldRequest | undefined } = {},
  ) {
    this.#envelopes = enveloped ? new EnvelopeCounter() : undefined;
    this.#held = held;
    this.#stream = stream;
    this.ended = end;
    this.#onBroken = onBroken;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const chunk = this.#isWorthReading() ? this.#waiting.shift() : undefined;
      if (chunk !== undefined) {
        this.#stream.consume(chunk.length);
        return { done: false, value: chunk };
      }
      const error = this.error ?? this.#refusal;
      if (error !== undefined) throw error;
      if (this.ended || this.#isDiscarded) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /**
   * A reader pays for each piece, and keeps it: those of a peer that sends its bytes one by one are handed out when they make a
   * message, or a proper piece of one.
   */
  #isWorthReading(): boolean {
    if (this.ended || this.error !== undefined || this.#waiting.length >= PIECE_BYTES) return true;
    if (!this.#envelopes?.complete) return false;
    if (this.#waiting.length === 0) this.#envelopes.complete = false;
    return true;
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.discard();
    return { done: true, value: undefined };
  }

  /** It is no longer counted as held. */
  letGo(): void {
    this.#held?.letGo();
  }

  /** No more of the body is waited for: throws at the reader, unless all of it is there. */
  giveUp(error: ConnectError): void {
    if (this.ended || this.#isDiscarded) return;
    this.#refusal = error;
    this.#stream.consume(this.#waiting.length);
    this.#waiting.clear();
    this.letGo();
    this.#wakeReader?.();
  }

  /** Drops what has come and what will. */
  discard(): void {
    this.#isDiscarded = true;
    this.letGo();
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
    if (end) this.letGo();
    else if (this.#isTaken) this.#hold(chunk.length);
    if (!this.#isTaken) this.#stream.consume(chunk.length);
    else {
      this.#waiting.push(chunk);
      this.#envelopes?.push(chunk);
    }
    this.#wakeReader?.();
  }

  /** Somebody may read what comes. */
  get #isTaken(): boolean {
    return !this.#isDiscarded && this.#refusal === undefined;
  }

  #hold(bytes: number): void {
    const refusal = this.#held?.add(bytes);
    if (refusal !== undefined) this.giveUp(refusal);
  }

  onTrailers(): void {
    this.ended = true;
    this.letGo();
    this.#wakeReader?.();
  }

  onReset(code: number, cause: ResetCause): void {
    this.error = resetError(code, cause);
    this.letGo();
    this.#onBroken(this.error);
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  onDrain(): void {
    this.#wakeWriter?.();
  }
}
