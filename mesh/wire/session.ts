import type { HeaderList } from "./header-list.ts";
import type { HttpStream, StreamHandler } from "./http-stream.ts";

/** One HTTP/2 connection on a socket. */
export interface Session {
  /** The other end as `host:port`, for logs. */
  readonly peer: string;
  /** Streams that are open in at least one direction. */
  readonly openStreams: number;
  /** True when no stream can be opened any more: a GOAWAY was sent or received, or the connection is gone. */
  readonly draining: boolean;
  /** True when the connection is gone. */
  readonly closed: boolean;
  /** Client: how many streams may be opened now, by the peer's SETTINGS_MAX_CONCURRENT_STREAMS (100 until it has told). */
  readonly freeStreams: number;
  /**
   * Client: opens a stream. Works before the socket is connected: the bytes wait. Throws a RangeError when `freeStreams` is 0
   * or the session is draining. The handler's first call comes in a later turn of the event loop.
   */
  request(headers: HeaderList, extra: readonly string[] | undefined, end: boolean, handler: StreamHandler): HttpStream;
  /** Sends a PING; `onPong` gets the milliseconds until its answer. Not called when the connection goes first. */
  ping(onPong: (roundTripMs: number) => void): void;
  /**
   * Ends gracefully (RFC 9113, 6.8): a server announces it and refuses later streams after a round trip, a client opens none;
   * streams that are open go on, and with the last one the connection closes. May be called again.
   */
  drain(): void;
  /** Ends the connection at once: GOAWAY with `code`, every open stream's `onReset("connection")`, then the socket. */
  destroy(code?: number): void;
}

/** Receives what concerns a session as a whole. */
export interface SessionHandler {
  /** Server: a request has begun. Set `stream.handler` before returning. `end`: it has no body. */
  onStream(stream: HttpStream, headers: HeaderList, end: boolean): void;
  /** The peer has told its settings, first or again: `freeStreams` may have changed. */
  onSettings?(): void;
  /** A stream has ended, so that `freeStreams` has grown. */
  onStreamClosed?(): void;
  /** The peer drains: no further stream can be opened. Those that it did not process were told by `onReset("unprocessed")`. */
  onDraining?(): void;
  /** A handler has thrown; its stream was reset with INTERNAL_ERROR. */
  onHandlerError?(error: unknown): void;
  /** The connection is gone, after every stream was told. `reason` is for the log; undefined after an orderly end. */
  onClose?(reason: Error | undefined): void;
}
