import { ErrorCode } from "./error-code.ts";
import { HeaderList } from "./header-list.ts";
import { type HttpStream, IGNORE, type StreamHandler } from "./http-stream.ts";
import type { Session, SessionHandler } from "./session.ts";

/** Bytes sent and not consumed above which a sender is told to wait. */
const AHEAD_BYTES_MAX = 64 * 1024;

/**
 * A session to a server in the same process: streams with the semantics of HTTP/2, without frames. What one side sends the other
 * hears in a later microtask, in order.
 */
export const memorySession = (
  server: Pick<SessionHandler, "onStream" | "onStreamClosed" | "onHandlerError">,
): Session => {
  const open = new Set<End>();
  let draining = false;
  let closed = false;
  return {
    peer: "memory",
    get openStreams() {
      return open.size;
    },
    get draining() {
      return draining;
    },
    get closed() {
      return closed;
    },
    get freeStreams() {
      return draining ? 0 : Number.MAX_SAFE_INTEGER;
    },
    request(headers, extra, end, handler) {
      if (draining) throw new RangeError("this session opens no further stream");
      const client = new End(handler);
      const serving = new End(IGNORE, true);
      client.onError = (error) => server.onHandlerError?.(error);
      serving.onError = client.onError;
      client.other = serving;
      serving.other = client;
      open.add(client);
      client.onClosed = () => {
        open.delete(client);
        server.onStreamClosed?.();
        if (draining && open.size === 0) closed = true;
      };
      client.headersSent = true;
      client.localClosed = end;
      const list = joined(headers, extra);
      client.deliver(() => server.onStream(serving, list, end));
      return client;
    },
    ping(onPong) {
      queueMicrotask(() => onPong(0));
    },
    drain() {
      draining = true;
      if (open.size === 0) closed = true;
    },
    destroy() {
      draining = true;
      closed = true;
      for (const client of [...open]) client.break();
    },
  };
};

const joined = (headers: HeaderList, extra: readonly string[] | undefined): HeaderList =>
  // A list of its own in any case: what the server remembers with it is not the client's.
  new HeaderList(extra === undefined ? headers.fields : [...headers.fields, ...extra]);

/** One side of a stream. */
class End implements HttpStream {
  handler: StreamHandler;
  other: End = this;
  readonly peer = "memory";
  headersSent = false;
  localClosed = false;
  closed = false;
  onClosed: (() => void) | undefined = undefined;
  /** Bytes sent that the other side has not consumed. */
  #aheadBytes = 0;
  #wantsDrain = false;
  #scheduled = false;
  #muted = false;
  onError: ((error: unknown) => void) | undefined = undefined;
  /** Calls on the other side's handler, in order. */
  #deliveries: (() => void)[] = [];

  readonly #server: boolean;

  constructor(handler: StreamHandler, server = false) {
    this.handler = handler;
    this.#server = server;
  }

  /** A server that has answered to the end hears nothing more. */
  get isDeaf(): boolean {
    return this.#server && this.localClosed;
  }

  get queuedBytes(): number {
    return this.#aheadBytes;
  }

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    if (this.closed || this.localClosed || this.headersSent) return;
    this.headersSent = true;
    this.localClosed = end;
    const list = joined(headers, extra);
    this.deliver(() => this.other.handler.onHeaders(list, end));
  }

  sendData(chunk: Uint8Array, end: boolean, prefix?: Uint8Array): boolean {
    if (this.closed || this.localClosed || !this.headersSent) return true;
    this.localClosed = end;
    const bytes = prefix === undefined ? chunk : Buffer.concat([prefix, chunk]);
    this.#aheadBytes += bytes.length;
    this.deliver(() => {
      if (!this.other.isDeaf) this.other.handler.onData(bytes, end);
      else this.#consumed(bytes.length);
    });
    if (this.#aheadBytes <= AHEAD_BYTES_MAX || end) return true;
    this.#wantsDrain = true;
    return false;
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    if (this.closed || this.localClosed || !this.headersSent) return;
    this.localClosed = true;
    const list = joined(trailers, extra);
    this.deliver(() => {
      if (!this.other.isDeaf) this.other.handler.onTrailers(list);
    });
  }

  consume(bytes: number): void {
    this.other.#consumed(bytes);
  }

  reset(code: number): void {
    if (this.closed) return;
    const { other } = this;
    this.#close();
    other.#close();
    other.#mute();
    // What this side had sent before is not lost: it left before the reset.
    this.#deliveries.push(() =>
      other.handler.onReset(code, code === ErrorCode.REFUSED_STREAM ? "unprocessed" : "peer"),
    );
    this.#schedule();
  }

  /** The session ends: both sides hear of it. */
  break(): void {
    if (this.closed) return;
    const { other } = this;
    this.#close();
    other.#close();
    for (const each of [this, other]) {
      each.#deliveries.push(() => each.other.handler.onReset(ErrorCode.INTERNAL_ERROR, "connection"));
      each.#schedule();
    }
  }

  /** Calls the other side in a later microtask. */
  deliver(call: () => void): void {
    this.#deliveries.push(call);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      const deliveries = this.#deliveries;
      this.#deliveries = [];
      for (const [index, call] of deliveries.entries()) {
        const last = index === deliveries.length - 1 && this.#deliveries.length === 0;
        try {
          call();
        } catch (error) {
          this.onError?.(error);
          // The side whose handler threw has ended the stream.
          this.other.reset(ErrorCode.INTERNAL_ERROR);
        }
        if (this.#muted) return;
        if (last && this.localClosed && this.other.localClosed) this.#finish();
      }
    });
  }

  /** The other side has reset the stream: it hears nothing more. */
  #mute(): void {
    this.#muted = true;
    this.#deliveries = [];
  }

  /** Both sides have said all, and this one has been heard. */
  #finish(): void {
    if (this.closed || this.other.#deliveries.length > 0) return;
    const { other } = this;
    this.#close();
    other.#close();
  }

  #consumed(bytes: number): void {
    this.#aheadBytes = Math.max(0, this.#aheadBytes - bytes);
    if (!this.#wantsDrain || this.#aheadBytes > 0 || this.closed) return;
    this.#wantsDrain = false;
    queueMicrotask(() => {
      if (!this.closed) this.handler.onDrain();
    });
  }

  #close(): void {
    this.closed = true;
    this.onClosed?.();
    this.onClosed = undefined;
  }
}
