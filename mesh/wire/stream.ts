import type { HeaderList } from "./header-list.ts";
import { type HttpStream, IGNORE, type StreamHandler } from "./http-stream.ts";
import type { ReceiveWindow } from "./receive-window.ts";
import type { Sender } from "./sender.ts";
import type { Streams } from "./streams.ts";

/** Body bytes that wait for a window, and what ends the stream after them. */
export interface SendQueue {
  readonly chunks: Uint8Array[];
  /** The end of the last chunk's buffer has room for small pieces. */
  room: { readonly block: Uint8Array; length: number } | undefined;
  /** Bytes of the first chunk that have left. */
  offset: number;
  end: boolean;
  trailers: { readonly headers: HeaderList; readonly extra: readonly string[] | undefined } | undefined;
  /** `Clock.monotonicMs` from which on the watcher counts what the peer takes; 0 before its first look. */
  lookedAtMs: number;
  /** Bytes that the peer has taken since then. */
  takenBytes: number;
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly peer: string;
  readonly sender: Sender;
  readonly window: ReceiveWindow;
  readonly streams: Streams;
}

/** One stream of a connection. Its state is the connection's; the methods are the application's. */
export class Stream implements HttpStream {
  readonly id: number;
  readonly #owner: StreamOwner;
  handler: StreamHandler;
  /** Bytes that we may send. */
  sendWindow: number;
  /** Bytes that the peer may send. */
  receiveWindow: number;
  /** Bytes that came and were not consumed. */
  unreadBytes = 0;
  /** Bytes consumed that the peer was not told of yet. */
  creditBytes = 0;
  /** Bytes of the request's headers, which are held as long as the stream is. */
  headerBytes = 0;
  /** Bytes of the body that `content-length` still promises, or -1. */
  contentLeft = -1;
  queue: SendQueue | undefined = undefined;
  queuedBytes = 0;
  /** True while the stream stands in the sender's line. */
  inLine = false;
  /** The application was told to wait. */
  wantsDrain = false;
  headersSent = false;
  /** Client: the final response's headers have come. */
  headersReceived = false;
  /** Client: HEAD has no body, whatever its content-length says. */
  bodyless = false;
  localClosed = false;
  remoteClosed = false;
  closed = false;

  constructor(owner: StreamOwner, id: number, sendWindow: number, receiveWindow: number) {
    this.#owner = owner;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.handler = IGNORE;
  }

  get peer(): string {
    return this.#owner.peer;
  }

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    this.#owner.sender.headers(this, headers, extra, end);
  }

  sendData(chunk: Uint8Array, end: boolean, prefix?: Uint8Array): boolean {
    return this.#owner.sender.data(this, chunk, end, prefix);
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    this.#owner.sender.trailers(this, trailers, extra);
  }

  consume(bytes: number): void {
    this.#owner.window.consume(this, bytes);
  }

  reset(code: number): void {
    this.#owner.streams.reset(this, code);
  }
}
