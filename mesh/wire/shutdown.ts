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
  /** Sends PINGs and calls `finish` when they are answered. */
  readonly ping: () => void;
  readonly wake: () => void;
  /** There may be nothing left to carry. */
  readonly onEnded: () => void;
}

/** The orderly end of a connection, by either side (RFC 9113, 6.8). */
export class Shutdown {
  readonly #options: ShutdownOptions;
  #sent: "no" | "announced" | "final" = "no";
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
    const { server, ping, onEnded } = this.#options;
    if (this.#sent !== "no") return;
    if (server) {
      // Streams that cross this one on their way are still served.
      this.goAway(MAX_31_BITS, ErrorCode.NO_ERROR, "");
      this.#sent = "announced";
      ping();
    } else {
      this.goAway(0, ErrorCode.NO_ERROR, "");
      this.#sent = "final";
      onEnded();
    }
  }

  /** A server's second step: whoever sends has heard of the first by now. */
  finish(): void {
    const { streams, onEnded } = this.#options;
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
    if (this.#sent === "no") this.goAway(this.#options.streams.lastPeerId, ErrorCode.NO_ERROR, "");
    return true;
  }

  goAway(lastId: number, code: number, debug: string): void {
    const text = Buffer.from(debug, "latin1");
    const payload = Buffer.alloc(8 + text.length);
    payload.writeUInt32BE(lastId, 0);
    payload.writeUInt32BE(code, 4);
    payload.set(text, 8);
    this.#options.output.frame(FrameType.GOAWAY, 0, 0, payload, 0, payload.length);
    this.#options.wake();
  }
}
