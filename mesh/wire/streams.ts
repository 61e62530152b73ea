import { ErrorCode } from "./error-code.ts";
import { FrameType } from "./frame.ts";
import type { Guard } from "./guard.ts";
import type { ResetCause } from "./http-stream.ts";
import type { StallLimits, WireLimits } from "./limits.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import type { Sender } from "./sender.ts";
import type { SessionHandler } from "./session.ts";
import type { Stream } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

export interface StreamsOptions {
  readonly server: boolean;
  readonly limits: WireLimits;
  readonly output: OutputBuffer;
  readonly sender: Sender;
  readonly guard: Guard;
  readonly handler: SessionHandler;
  /** There is output. */
  readonly wake: () => void;
  /** Bytes that nobody had read went with their stream: the peer may send others. */
  readonly onRead: () => void;
  /** A stream has ended; it may have been the last one. */
  readonly onEnded: () => void;
}

/** The streams of a connection, from their opening to their end (RFC 9113, 5.1). */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #open = new StreamTable();
  /** Streams that we have reset, whose frames may still be on their way. */
  readonly #resetByUs = new Set<number>();
  /** Answered streams whose request is not complete, and those of them that have had time to complete it. */
  #unfinished: Stream[] = [];
  #toStop: Stream[] = [];
  /** The stream that the next request opens. */
  nextId = 1;
  /** The highest stream that the peer has opened and we have taken. */
  lastPeerId = 0;
  /** The highest one that we have refused since our last GOAWAY. */
  #refusedUpToId = 0;
  /** Bytes of bodies that came and were not consumed. */
  unreadBytes = 0;
  /** Bytes of the headers of all open streams: a few bytes on the wire may stand for many. */
  headerBytes = 0;
  /** The stream that the frame at hand is for: whose handler threw, if one does. */
  current: Stream | undefined = undefined;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  /** Those that are open now; some may end while they are looked at. */
  all(): readonly Stream[] {
    return this.#open.values();
  }

  add(stream: Stream): void {
    this.#open.add(stream);
  }

  /** A stream that nobody has opened yet. */
  isIdle(id: number): boolean {
    const { server } = this.#options;
    const own = (id & 1) === (server ? 0 : 1);
    return own ? server || id >= this.nextId : id > this.lastPeerId && id > this.#refusedUpToId;
  }

  /** True where frames of a stream are to be ignored: we have reset it, and its peer may not know yet. */
  wasReset(id: number): boolean {
    return this.#resetByUs.has(id);
  }

  /** Ends a stream for what its peer did; `stream` is undefined where there is none any more, or not yet. */
  error(id: number, stream: Stream | undefined, code: ErrorCode): void {
    if (this.#options.server) this.#options.guard.reset();
    if (stream === undefined) this.sendReset(id, code);
    else this.giveUp(stream, code);
  }

  /** A stream's handler has thrown: it ends its stream, and nothing else. */
  onThrown(stream: Stream | undefined, error: unknown): void {
    if (stream !== undefined) this.reset(stream, ErrorCode.INTERNAL_ERROR);
    this.#options.handler.onHandlerError?.(error);
  }

  /** Refuses a stream that was opened after our last GOAWAY: it is the peer's to repeat elsewhere (RFC 9113, 6.8). */
  refuse(id: number): void {
    this.#options.guard.reset();
    this.#refusedUpToId = Math.max(this.#refusedUpToId, id);
    this.sendReset(id, ErrorCode.REFUSED_STREAM);
  }

  /** Ends a stream that takes too much: its application hears of it. */
  giveUp(stream: Stream, code: ErrorCode): void {
    this.sendReset(stream.id, code);
    this.current = stream;
    this.lose(stream, code, "local");
    this.#options.wake();
    this.#options.onEnded();
  }

  /** The peer has reset a stream. */
  resetByPeer(stream: Stream, code: number): void {
    this.remove(stream);
    stream.handler.onReset(code, code === ErrorCode.REFUSED_STREAM ? "unprocessed" : "peer");
    this.#options.onEnded();
  }

  /** Ends a stream because the application asks for it. */
  reset(stream: Stream, code: number): void {
    if (stream.closed) return;
    this.sendReset(stream.id, code);
    this.remove(stream);
    this.#options.wake();
    this.#options.onEnded();
  }

  sendReset(id: number, code: number): void {
    this.#options.output.uint32Frame(FrameType.RST_STREAM, id, code);
    if (this.#resetByUs.size >= RESET_STREAMS_KEPT) {
      for (const oldest of this.#resetByUs) {
        this.#resetByUs.delete(oldest);
        break;
      }
    }
    this.#resetByUs.add(id);
  }

  /** Our side of a stream is complete. */
  localEnd(stream: Stream): void {
    stream.localClosed = true;
    if (stream.remoteClosed) this.closeIfDone(stream);
    else if (this.#options.server) this.#unfinished.push(stream);
  }

  closeIfDone(stream: Stream): void {
    if (stream.closed || !stream.localClosed || !stream.remoteClosed) return;
    this.#options.guard.streamDone();
    this.remove(stream);
    this.#options.onEnded();
  }

  /**
   * RFC 9113, 8.1: who has got the whole answer need not send the rest of its request. Most requests end by themselves between
   * two calls of this, which is kinder than a reset.
   */
  stopSenders(): void {
    const stopped = this.#toStop;
    this.#toStop = this.#unfinished;
    this.#unfinished = [];
    for (const stream of stopped) this.reset(stream, ErrorCode.NO_ERROR);
  }

  /** Gives up streams whose peer takes what is queued too slowly, and marks those that wait now. */
  giveUpStalled(nowMs: number, { stallTimeoutMs, stallBytesMin }: StallLimits): void {
    for (const stream of this.#open.values()) {
      const { queue } = stream;
      if (queue === undefined || stream.closed) continue;
      if (queue.lookedAtMs === 0 || queue.takenBytes >= stallBytesMin) {
        queue.lookedAtMs = nowMs;
        queue.takenBytes = 0;
      } else if (nowMs - queue.lookedAtMs > stallTimeoutMs) {
        this.giveUp(stream, ErrorCode.CANCEL);
      }
    }
  }

  remove(stream: Stream): void {
    stream.closed = true;
    this.headerBytes -= stream.headerBytes;
    this.#open.delete(stream.id);
    if (stream.queue !== undefined) this.#options.sender.drop(stream);
    if (stream.unreadBytes > 0) {
      this.unreadBytes -= stream.unreadBytes;
      stream.unreadBytes = 0;
      this.#options.onRead();
    }
    try {
      this.#options.handler.onStreamClosed?.();
    } catch (error) {
      this.#options.handler.onHandlerError?.(error);
    }
  }

  /** Tells a stream's application that it is over. For more than one at a time: one handler that throws must not keep the others from hearing. */
  lose(stream: Stream, code: number, cause: ResetCause): void {
    if (stream.closed) return;
    this.remove(stream);
    try {
      stream.handler.onReset(code, cause);
    } catch (error) {
      this.#options.handler.onHandlerError?.(error);
    }
  }
}

/** Streams that we have reset and remember: frames of the last ones may still arrive. */
const RESET_STREAMS_KEPT = 1_000;
