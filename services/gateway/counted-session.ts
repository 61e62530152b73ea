import type { ConcurrencyLimit } from "@heddle/mesh/policy";
import {
  type HeaderList,
  type HttpStream,
  IGNORE,
  type ResetCause,
  type Session,
  type StreamHandler,
} from "@heddle/mesh/wire";
import type { PacedResets } from "./paced-resets.ts";
import { StreamAround } from "./stream-around.ts";

/** What is kept of one instance for all calls to it. */
export interface InstanceLoad {
  readonly load: ConcurrencyLimit;
  readonly resets: PacedResets;
}

/** A session to an instance, whose streams are counted among its calls, and reset at a pace that it bears. */
export const countedSession = (session: Session, instance: InstanceLoad): Session => ({
  get peer() {
    return session.peer;
  },
  get openStreams() {
    return session.openStreams;
  },
  get draining() {
    return session.draining;
  },
  get closed() {
    return session.closed;
  },
  get freeStreams() {
    return session.freeStreams;
  },
  request: (headers, extra, end, handler) => CountedStream.open(session, instance, { headers, extra, end, handler }),
  ping: (onPong) => session.ping(onPong),
  drain: () => session.drain(),
  destroy: (code) => session.destroy(code),
});

interface Request {
  readonly headers: HeaderList;
  readonly extra: readonly string[] | undefined;
  readonly end: boolean;
  readonly handler: StreamHandler;
}

class CountedStream extends StreamAround {
  #handler: StreamHandler;
  readonly #resets: PacedResets;
  /** Left when the instance has answered, or is rid of the stream. */
  #load: ConcurrencyLimit | undefined;

  static open(session: Session, { load, resets }: InstanceLoad, request: Request): HttpStream {
    const { headers, extra, end, handler } = request;
    const answer = new Answer();
    const stream = new CountedStream(session.request(headers, extra, end, answer), { load, resets }, handler);
    answer.stream = stream;
    return stream;
  }

  private constructor(inner: HttpStream, { load, resets }: InstanceLoad, handler: StreamHandler) {
    super(inner);
    this.#handler = handler;
    this.#resets = resets;
    // Whoever chose the instance saw that there was room; those that came in the same turn are few.
    this.#load = load.enter() ? load : undefined;
  }

  override get handler(): StreamHandler {
    return this.#handler;
  }

  override set handler(handler: StreamHandler) {
    this.#handler = handler;
  }

  override reset(code: number): void {
    const load = this.#load;
    this.#load = undefined;
    this.#resets.reset(this.inner, code, load);
  }

  leave(): void {
    this.#load?.leave();
    this.#load = undefined;
  }
}

/** Hears the stream itself: the first call comes after the stream is known. */
class Answer implements StreamHandler {
  stream: CountedStream | undefined;

  onHeaders(headers: HeaderList, end: boolean): void {
    if (end) this.stream?.leave();
    this.#handler.onHeaders(headers, end);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (end) this.stream?.leave();
    this.#handler.onData(chunk, end);
  }

  onTrailers(trailers: HeaderList): void {
    this.stream?.leave();
    this.#handler.onTrailers(trailers);
  }

  onReset(code: number, cause: ResetCause): void {
    this.stream?.leave();
    this.#handler.onReset(code, cause);
  }

  onDrain(): void {
    this.#handler.onDrain();
  }

  get #handler(): StreamHandler {
    return this.stream?.handler ?? IGNORE;
  }
}
