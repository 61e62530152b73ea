import { ErrorCode } from "./error-code.ts";
import { FrameType, MAX_31_BITS } from "./frame.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import type { SessionHandler } from "./session.ts";
import type { Streams } from "./streams.ts";

export interface ShutdownOptions {
  readonly server: boolean;
  readonly output: OutputBuffer;
  readonly streams: Streams;
  readonly handler: SessionHandler;
  /** Sends a PING; hears of its answer. */
  readonly ping: (onPong: () => void) => void;
  readonly wake: () => void;
  /** There may be nothing left to carry. */
  readonly onEnded: () => void;
}

/** The orderly end of a connection, by either side (RFC 9113, 6.8). */
export class Shutdown {
  readonly #options: ShutdownOptions;
  #sent: "no" | "asked" | "announced" | "final" = "no";
  #received = false;

  constructor(options: ShutdownOptions) {
    this.#options = options;
  }

  /** True when no stream is to be opened any more. */
  get begun(): boolean {
    return this.#received || this.#sent !== "no";
  }

  /** True when streams that the peer opens now are refused: our last GOAWAY has named the last one that is not. */
  get refusing(): boolean {
    return this.#sent === "final";
  }

  begin(): void {
    const { server, streams, ping, onEnded } = this.#options;
    if (this.#sent !== "no") return;
    if (server) {
      this.#sent = "asked";
      // A peer that finds an answer and the GOAWAY in one read may already have made its next call when it gets to the latter, and not
      // sent it: nghttp2 then fails it by REFUSED_STREAM, and not all who use it try again. After a PING it has read what came before.
      if (streams.lastPeerId > 0) ping(() => this.#announce(true));
      else this.#announce(false);
    } else {
      this.goAway(0, ErrorCode.NO_ERROR, "");
      this.#sent = "final";
      onEnded();
    }
  }

  /** `first`: before the answers of this turn. */
  #announce(first: boolean): void {
    const { ping } = this.#options;
    if (this.#sent !== "asked") return;
    this.#sent = "announced";
    // Streams that cross this one on their way are still served.
    this.goAway(MAX_31_BITS, ErrorCode.NO_ERROR, "", first);
    // Twice: a peer whose thread is behind its I/O answers the first before it has heard, and opens streams in that turn.
    ping(() => ping(() => this.goOn()));
  }

  /** A server's next step, which is its last where it has announced the end: whoever sends has heard of it by now, or takes too long. */
  goOn(): void {
    const { streams, onEnded } = this.#options;
    if (this.#sent === "asked") {
      this.#announce(false);
      return;
    }
    if (this.#sent !== "announced") return;
    this.#sent = "final";
    this.goAway(streams.lastPeerId, ErrorCode.NO_ERROR, "");
    onEnded();
  }

  /** The peer opens no stream any more, and has processed none of ours above `lastId`. */
  receive(lastId: number): void {
    const { server, streams, handler, onEnded } = this.#options;
    const first = !this.#received;
    this.#received = true;
    // Before the streams hear of it, which may want to go on elsewhere.
    if (first) handler.onDraining?.();
    if (!server) {
      for (const stream of streams.all()) {
        if (stream.id > lastId) streams.lose(stream, ErrorCode.REFUSED_STREAM, "unprocessed");
      }
    }
    onEnded();
  }

  /** True when a connection without streams has come to its end; the peer hears so if it did not. */
  done(): boolean {
    if (this.#sent !== "final" && !this.#received) return false;
    if (this.#sent === "no" || this.#sent === "asked")
      this.goAway(this.#options.streams.lastPeerId, ErrorCode.NO_ERROR, "");
    return true;
  }

  /** `first`: before all that waits to be written, which must not be a connection's first frame. */
  goAway(lastId: number, code: number, debug: string, first = false): void {
    const { output, wake } = this.#options;
    const text = Buffer.from(debug, "latin1");
    const payload = Buffer.alloc(8 + text.length);
    payload.writeUInt32BE(lastId, 0);
    payload.writeUInt32BE(code, 4);
    payload.set(text, 8);
    if (first) output.frameFirst(FrameType.GOAWAY, 0, 0, payload);
    else output.frame(FrameType.GOAWAY, 0, 0, payload, 0, payload.length);
    wake();
  }
}
