import type { HeaderList } from "./header-list.ts";

/** What ended a stream before both sides had finished. */
export type ResetCause =
  /** The peer sent RST_STREAM. */
  | "peer"
  /** We ended it, because the peer broke the rules of the stream or exceeded a limit. */
  | "local"
  /** The peer said by GOAWAY or REFUSED_STREAM that it did not begin to process it: safe to try again. */
  | "unprocessed"
  /** The connection is gone; nobody knows how far the peer came. */
  | "connection";

/** Receives what arrives on one stream. Must not throw: what does is a bug, and resets the stream with INTERNAL_ERROR. */
export interface StreamHandler {
  /** A response's headers. Not called on a server, whose request headers come with the stream. `end`: nothing follows. */
  onHeaders(headers: HeaderList, end: boolean): void;
  /**
   * A piece of the body, of any size, not aligned to anything. It is a view of the read buffer: copy what is kept beyond this
   * call. The sender may go on sending once `consume` has been called for it. `end`: nothing follows (chunk may be empty). A
   * server's stream that was answered to its end hears no data and no trailers any more.
   */
  onData(chunk: Uint8Array, end: boolean): void;
  /** The trailers; nothing follows. */
  onTrailers(trailers: HeaderList): void;
  /** The stream ended abnormally; nothing follows, and nothing can be sent. Not called for one's own `reset`. */
  onReset(code: number, cause: ResetCause): void;
  /** After a `sendData` that returned false: what was queued has left, go on. */
  onDrain(): void;
}

/** Hears everything and does nothing. */
export const IGNORE: StreamHandler = {
  onHeaders() {},
  onData() {},
  onTrailers() {},
  onReset() {},
  onDrain() {},
};

/**
 * One HTTP exchange, seen from either end: HTTP/2 by the engine, by node:http2, or an HTTP/1.1 request. Sends are queued in order
 * and leave at the end of the event loop's turn; none of them throws, and after an end or a reset they do nothing.
 */
export interface HttpStream {
  /** Receives what arrives. Set it at once when the stream is handed out; it may be replaced at any time. */
  handler: StreamHandler;
  /** The other end as `host:port`, for logs. */
  readonly peer: string;
  /** The HTTP version by which it came, where that is not 2. */
  readonly httpVersion?: string;
  /** True once a stream is over in both directions, or was reset. */
  readonly closed: boolean;
  /** Bytes accepted by `sendData` that wait for the peer's window. */
  readonly queuedBytes: number;
  /**
   * Sends a response's headers (a client's are sent when it opens the stream). `extra` are further fields, name and value in
   * turn, that change from stream to stream: they are not worth a place in the compression table. `end`: they are all there is.
   */
  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void;
  /**
   * Sends a piece of the body, after `prefix` where there is one. Neither may be changed afterwards, for they may be kept until
   * the peer's window opens. Returns false when the caller should wait for `onDrain` before it sends more.
   */
  sendData(chunk: Uint8Array, end: boolean, prefix?: Uint8Array): boolean;
  /** Sends trailers, which end the stream, once all data has left. */
  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void;
  /** Lets the sender send `bytes` more: to be called for everything that came by `onData`, when it was dealt with. */
  consume(bytes: number): void;
  /** Ends the stream at once; what is queued is dropped. */
  reset(code: number): void;
}
