import type { Clock } from "../runtime/index.ts";
import type { Carrier } from "./carrier.ts";
import { ConnectionError, ErrorCode } from "./error-code.ts";
import { checkFields } from "./field-rules.ts";
import { FrameType, MAX_31_BITS, PREFACE, WINDOW_BYTES_DEFAULT } from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import { Guard } from "./guard.ts";
import type { HeaderList } from "./header-list.ts";
import type { HttpStream, StreamHandler } from "./http-stream.ts";
import type { StallLimits, WireLimits } from "./limits.ts";
import { OutputBuffer } from "./output-buffer.ts";
import { account, type Holder, hold, release } from "./process-bytes.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { Receiver } from "./receiver.ts";
import { Sender } from "./sender.ts";
import type { Session, SessionHandler } from "./session.ts";
import { PeerSettings, settingsPayload } from "./settings.ts";
import { Shutdown } from "./shutdown.ts";
import { Stream, type StreamOwner } from "./stream.ts";
import { Streams } from "./streams.ts";

export interface ConnectionOptions {
  readonly role: "server" | "client";
  readonly peer: string;
  readonly limits: WireLimits;
  readonly clock: Clock;
  readonly handler: SessionHandler;
  readonly carrier: Carrier;
}

/**
 * One HTTP/2 connection (RFC 9113) without I/O: bytes go in by `receive`, calls on handlers and bytes of `takeOutput` come out.
 * It never throws for what a peer sends: that ends the stream or the connection with the code that the RFC asks for.
 */
export class Connection implements Session, Holder {
  readonly peer: string;
  readonly output = new OutputBuffer();
  readonly #server: boolean;
  readonly #limits: WireLimits;
  readonly #handler: SessionHandler;
  readonly #carrier: Carrier;
  readonly #settings = new PeerSettings();
  readonly #reader: FrameReader;
  readonly #receiver: Receiver;
  readonly #sender: Sender;
  readonly #streams: Streams;
  readonly #window: ReceiveWindow;
  readonly #shutdown: Shutdown;
  /** What every stream is given. */
  readonly #owner: StreamOwner;
  accountedBytes = 0;
  #awake = false;
  /** Bytes that the carrier has taken and not written. */
  carrierBytes = 0;
  closed = false;

  constructor(options: ConnectionOptions) {
    const { limits, clock, handler } = options;
    const server = options.role === "server";
    const { output } = this;
    const guard = new Guard(limits, clock);
    const wake = () => this.#wake();
    this.peer = options.peer;
    this.#server = server;
    this.#limits = limits;
    this.#handler = handler;
    this.#carrier = options.carrier;
    this.#sender = new Sender({
      output,
      limits,
      wake,
      peer: this.#settings,
      onSent: (stream) => this.#streams.localEnd(stream),
      onThrown: (stream, error) => this.#streams.onThrown(stream, error),
      onOverflow: (stream) => this.#streams.giveUp(stream, ErrorCode.ENHANCE_YOUR_CALM),
    });
    const sender = this.#sender;
    const onEnded = () => this.#endIfDone();
    const onRead = () => {
      if (!this.closed) this.#window.settle();
    };
    this.#streams = new Streams({ server, limits, output, sender, guard, handler, wake, onRead, onEnded });
    const streams = this.#streams;
    this.#window = new ReceiveWindow({ limits, output, streams, wake });
    this.#owner = { peer: this.peer, sender, streams, window: this.#window };
    const ping = (onPong: () => void) => this.ping(onPong);
    this.#shutdown = new Shutdown({ server, output, streams, handler, ping, wake, onEnded });
    this.#receiver = new Receiver({
      server,
      limits,
      clock,
      guard,
      output,
      sender,
      streams,
      handler,
      settings: this.#settings,
      window: this.#window,
      accept: (id) => this.#open(id),
      shutdown: this.#shutdown,
    });
    this.#reader = new FrameReader({
      expectPreface: server,
      frameBytesMax: limits.frameBytesMax,
      onFrame: (type, flags, id, bytes, start, end) => this.#onFrame(type, flags, id, bytes, start, end),
    });
    hold(this);
    this.#begin();
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  get draining(): boolean {
    return this.closed || this.#shutdown.begun;
  }

  get freeStreams(): number {
    return this.#server || this.draining || this.#streams.nextId > MAX_31_BITS
      ? 0
      : Math.max(0, this.#settings.concurrentStreamsMax - this.#streams.size);
  }

  get heldBytes(): number {
    const { unreadBytes, headerBytes } = this.#streams;
    return this.#sender.queuedBytes + unreadBytes + headerBytes + this.output.length + this.carrierBytes;
  }

  /** True in the middle of the preface, a frame or a header block. */
  get incomplete(): boolean {
    return this.#reader.incomplete || this.#receiver.incomplete;
  }

  /** Frames completed so far, those of a header block as one. */
  get frames(): number {
    return this.#receiver.completed;
  }

  get settingsAcked(): boolean {
    return this.#receiver.settingsAcked;
  }

  /** Bytes from the peer. */
  receive(chunk: Uint8Array): void {
    if (this.closed) return;
    try {
      this.#reader.read(chunk);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#fail(error.code, error);
      return;
    }
    // What leaves at the end of this turn harms nobody; what a peer asked for and does not read does.
    if (this.carrierBytes > 0 && this.output.length + this.carrierBytes > this.#limits.outputBytesMax) {
      this.#fail(ErrorCode.ENHANCE_YOUR_CALM, new Error("the peer does not read what it asks for"));
      return;
    }
    this.#settle();
  }

  /** The bytes for the peer, at the end of a turn. */
  takeOutput(): { buffer: Buffer; length: number } | undefined {
    this.#awake = false;
    return this.output.take();
  }

  /** The carrier takes bytes again, or does not. */
  setCongested(congested: boolean): void {
    this.#sender.congested = congested;
    if (!congested) this.refill();
  }

  /** Sends what the last flush has made room for. */
  refill(): void {
    if (this.closed) return;
    this.#sender.resume();
    this.#settle();
  }

  request(headers: HeaderList, extra: readonly string[] | undefined, end: boolean, handler: StreamHandler): HttpStream {
    if (this.#server || this.freeStreams === 0) throw new RangeError("this session opens no further stream");
    const stream = this.#open(this.#streams.nextId);
    this.#streams.nextId += 2;
    stream.handler = handler;
    stream.bodyless = checkFields(headers, "request").method === "HEAD";
    this.#sender.headers(stream, headers, extra, end);
    return stream;
  }

  ping(onPong: (roundTripMs: number) => void): void {
    if (this.closed) return;
    this.#receiver.ping(onPong);
    this.#wake();
  }

  drain(): void {
    if (!this.closed) this.#shutdown.begin();
  }

  /** The next step of a server's drain, for a peer that takes too long. */
  goOnDraining(): void {
    if (!this.closed) this.#shutdown.goOn();
  }

  destroy(code: number = ErrorCode.NO_ERROR): void {
    if (!this.closed) this.#fail(code, undefined);
  }

  /** Ends the connection for a reason of the process's own. */
  overflow(): void {
    this.#fail(ErrorCode.ENHANCE_YOUR_CALM, new Error("the process holds too many bytes for peers"));
  }

  /** A bound of time was passed. */
  timeOut(code: ErrorCode, reason: string): void {
    if (!this.closed) this.#fail(code, new Error(reason));
  }

  /** Tells those to stop who have got their whole answer a while ago and go on with the request. */
  stopSenders(): void {
    this.#streams.stopSenders();
  }

  /** Ends streams whose peer has taken less than `stallBytesMin` bytes of what is queued for `stallTimeoutMs` milliseconds. */
  resetStalled(nowMs: number, limits: StallLimits = this.#limits): void {
    if (this.#sender.queuedBytes === 0) return;
    this.#streams.giveUpStalled(nowMs, limits);
    this.#settle();
  }

  #begin(): void {
    if (!this.#server) this.output.bytes(PREFACE);
    const settings = settingsPayload(this.#limits, this.#server);
    this.output.frame(FrameType.SETTINGS, 0, 0, settings, 0, settings.length);
    const more = this.#limits.connectionWindowBytes - WINDOW_BYTES_DEFAULT;
    if (more > 0) this.output.uint32Frame(FrameType.WINDOW_UPDATE, 0, more);
    this.#wake();
  }

  #open(id: number): Stream {
    const { initialWindowBytes } = this.#settings;
    const stream = new Stream(this.#owner, id, initialWindowBytes, this.#limits.streamWindowBytes);
    this.#streams.add(stream);
    return stream;
  }

  #onFrame(type: number, flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    this.#streams.current = undefined;
    try {
      this.#receiver.onFrame(type, flags, id, bytes, start, end);
    } catch (error) {
      if (error instanceof ConnectionError) throw error;
      this.#streams.onThrown(this.#streams.current, error);
    }
    if (this.closed) this.#reader.stop();
  }

  /** Closes a connection that drains and has nothing left to carry. */
  #endIfDone(): void {
    if (this.closed || this.#streams.size > 0 || !this.#shutdown.done()) return;
    this.lost(undefined);
    this.#carrier.end(true);
  }

  #fail(code: number, reason: Error | undefined): void {
    if (this.closed) return;
    this.#shutdown.goAway(this.#streams.lastPeerId, code, reason?.message ?? "");
    this.lost(reason);
    this.#carrier.end(false);
  }

  /** It is over, by either side or because the carrier is gone: tells every stream, then the application. */
  lost(reason: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.#reader.stop();
    release(this);
    for (const stream of this.#streams.all()) this.#streams.lose(stream, ErrorCode.INTERNAL_ERROR, "connection");
    try {
      this.#handler.onClose?.(reason);
    } catch (error) {
      this.#handler.onHandlerError?.(error);
    }
  }

  /** Brings the process's account up to date, and sees that what was written leaves. */
  #settle(): void {
    if (this.closed) return;
    if (this.output.length > 0) this.#wake();
    account(this, this.#limits.processBytesMax);
  }

  #wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.#carrier.wake();
  }
}
