import { HeaderList, type HttpStream, type ResetCause, type StreamHandler } from "@heddle/mesh/wire";
import type { Answer } from "../replies/collected-answer.ts";
import { MIRROR_ANSWER_BYTES_MAX, MIRROR_REQUEST_BYTES_MAX } from "./limits.ts";

/** An exchange that is over: what was asked, and what was answered. */
export interface WatchedCall {
  readonly body: Uint8Array;
  readonly answer: Answer;
}

/**
 * A caller's exchange of which a copy is kept while it passes. Tells once how it went: undefined when it broke, was left by its
 * caller, or is larger than what is kept. What passes is not changed, and not held up.
 */
export class WatchedExchange implements HttpStream, StreamHandler {
  readonly #stream: HttpStream;
  readonly #over: (call: WatchedCall | undefined) => void;
  /** Whoever carries the call. */
  #carrier: StreamHandler;
  readonly #asked: Uint8Array[] = [];
  #askedBytes = 0;
  readonly #answered: Uint8Array[] = [];
  #answeredBytes = 0;
  #headers = new HeaderList([]);
  #isOver = false;

  constructor(stream: HttpStream, over: (call: WatchedCall | undefined) => void) {
    this.#stream = stream;
    this.#carrier = stream.handler;
    this.#over = over;
  }

  get handler(): StreamHandler {
    return this.#carrier;
  }

  set handler(carrier: StreamHandler) {
    this.#carrier = carrier;
    this.#stream.handler = this;
  }

  get peer(): string {
    return this.#stream.peer;
  }

  get httpVersion(): string {
    return this.#stream.httpVersion ?? "2.0";
  }

  get closed(): boolean {
    return this.#stream.closed;
  }

  get queuedBytes(): number {
    return this.#stream.queuedBytes;
  }

  // What the caller sends.

  onHeaders(headers: HeaderList, end: boolean): void {
    this.#carrier.onHeaders(headers, end);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (!this.#isOver && chunk.length > 0) {
      this.#askedBytes += chunk.length;
      if (this.#askedBytes > MIRROR_REQUEST_BYTES_MAX) this.#tell(undefined);
      else this.#asked.push(Buffer.from(chunk));
    }
    this.#carrier.onData(chunk, end);
  }

  onTrailers(trailers: HeaderList): void {
    this.#carrier.onTrailers(trailers);
  }

  onReset(code: number, cause: ResetCause): void {
    this.#tell(undefined);
    this.#carrier.onReset(code, cause);
  }

  onDrain(): void {
    this.#carrier.onDrain();
  }

  // What it is answered.

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    this.#stream.sendHeaders(headers, extra, end);
    this.#headers = headers;
    if (end) this.#answer(undefined);
  }

  sendData(chunk: Uint8Array, end: boolean, prefix: Uint8Array = EMPTY): boolean {
    const more = this.#stream.sendData(chunk, end, prefix);
    if (this.#isOver) return more;
    this.#answeredBytes += prefix.length + chunk.length;
    if (this.#answeredBytes > MIRROR_ANSWER_BYTES_MAX) this.#tell(undefined);
    else for (const piece of [prefix, chunk]) if (piece.length > 0) this.#answered.push(Buffer.from(piece));
    if (end) this.#answer(undefined);
    return more;
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    this.#stream.sendTrailers(trailers, extra);
    this.#answer(trailers);
  }

  consume(bytes: number): void {
    this.#stream.consume(bytes);
  }

  reset(code: number): void {
    this.#stream.reset(code);
    this.#tell(undefined);
  }

  #answer(trailers: HeaderList | undefined): void {
    if (this.#isOver) return;
    const answer = { headers: this.#headers, body: Buffer.concat(this.#answered), trailers };
    this.#tell({ body: Buffer.concat(this.#asked), answer });
  }

  #tell(call: WatchedCall | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#asked.length = 0;
    this.#answered.length = 0;
    this.#over(call);
  }
}

const EMPTY = new Uint8Array(0);
