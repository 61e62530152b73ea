import type { Clock, Timers } from "../../runtime/index.ts";
import type { HeaderList, HttpStream, StreamHandler } from "../../wire/index.ts";
import type { Attempt } from "./attempt.ts";
import type { ClientMethod } from "./client-method.ts";
import { AcquireError, type ConnectionPool } from "./connection-pool.ts";

/** What all calls of a transport share. */
export interface ClientWire {
  readonly pool: ConnectionPool;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Bytes of one message that is received, compressed or not. */
  readonly readMaxBytes: number;
  readonly acceptGzip: boolean;
  /** Messages of so many bytes and more are sent compressed; Infinity for none. */
  readonly compressMinBytes: number;
}

/** The head of one call. */
export interface CallRequest {
  readonly compiled: ClientMethod;
  readonly headers: HeaderList;
  /** Fields of this call alone: name and value in turn. */
  readonly extra: readonly string[] | undefined;
  /** Present when the call may be sent several times, by whoever calls the transport. */
  readonly attempt?: Attempt | undefined;
  /** True where nothing stands between the caller and the wire. */
  readonly isDirect?: boolean;
}

/**
 * Attempts after one that the peer did not begin to process (gRFC A6, Transparent Retries). More than one, since a connection
 * that was opened after a GOAWAY may meet the next; few, since a peer that refuses everything is to be believed.
 */
export const TRANSPARENT_RETRIES_MAX = 3;

/** Sessions that may be full or gone again by the time that a call has come to its turn. */
const MISSED_MAX = 10;

/** Opens a stream for a call as soon as there is a place. */
export class StreamOpening {
  readonly #wire: ClientWire;
  readonly #request: CallRequest;
  #waiting: AbortController | undefined;
  #missed = 0;

  constructor(wire: ClientWire, request: CallRequest) {
    this.#wire = wire;
    this.#request = request;
  }

  /** Calls one of the two, at once or later; neither after `stop`. */
  open(handler: StreamHandler, opened: (stream: HttpStream) => void, failed: (error: unknown) => void): void {
    const { pool } = this.#wire;
    const session = pool.acquireNow(this.#request.attempt);
    if (session !== undefined) {
      opened(session.request(this.#request.headers, this.#request.extra, false, handler));
      return;
    }
    this.#waiting = new AbortController();
    const { signal } = this.#waiting;
    Promise.resolve(pool.acquire(signal, this.#request.attempt)).then(
      (later) => {
        if (signal.aborted) return;
        // Somebody was quicker, or the peer has said goodbye in the same breath: wait for the next, but not for ever.
        this.#missed += 1;
        if (later.freeStreams === 0 && this.#missed < MISSED_MAX) this.open(handler, opened, failed);
        else if (later.freeStreams === 0) failed(new AcquireError("unavailable", "the peer closes every connection"));
        else opened(later.request(this.#request.headers, this.#request.extra, false, handler));
      },
      (error: unknown) => {
        if (!signal.aborted) failed(error);
      },
    );
  }

  stop(): void {
    this.#waiting?.abort();
  }
}

/** What precedes a message of `length` bytes on the wire (gRPC over HTTP/2, Length-Prefixed-Message). */
export const messagePrefix = (flags: number, length: number): Uint8Array => {
  if (length < PREFIXES_KEPT && flags === 0) {
    const kept = PREFIXES[length];
    if (kept !== undefined) return kept;
    const made = makePrefix(flags, length);
    PREFIXES[length] = made;
    return made;
  }
  return makePrefix(flags, length);
};

const makePrefix = (flags: number, length: number): Uint8Array =>
  Uint8Array.of(flags, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255);

/** Most messages are small: their prefixes are made once. */
const PREFIXES_KEPT = 1024;
const PREFIXES: (Uint8Array | undefined)[] = new Array(PREFIXES_KEPT).fill(undefined);
