import { ConnectionError, ErrorCode } from "./error-code.ts";
import { FrameType } from "./frame.ts";
import type { WireLimits } from "./limits.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import type { Stream } from "./stream.ts";
import type { Streams } from "./streams.ts";

/**
 * What the peer may send (RFC 9113, 5.2). A stream's window is given back as the application consumes; the connection's on arrival,
 * so that one stalled stream holds up no other, until the unread bytes of all of them are too many.
 */
export class ReceiveWindow {
  readonly #limits: WireLimits;
  readonly #output: OutputBuffer;
  readonly #streams: Streams;
  readonly #wake: () => void;
  #window: number;
  #creditBytes = 0;

  constructor(options: { limits: WireLimits; output: OutputBuffer; streams: Streams; wake: () => void }) {
    this.#limits = options.limits;
    this.#output = options.output;
    this.#streams = options.streams;
    this.#wake = options.wake;
    this.#window = options.limits.connectionWindowBytes;
  }

  /** `bytes` of DATA have come, padding included. Throws when there was no room for them. */
  receive(bytes: number): void {
    this.#window -= bytes;
    if (this.#window < 0) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the connection's window");
    }
    this.#creditBytes += bytes;
    this.#pay();
  }

  /** The application has dealt with `bytes` of a stream. */
  consume(stream: Stream, bytes: number): void {
    if (stream.closed || bytes === 0) return;
    const taken = Math.min(bytes, stream.unreadBytes);
    stream.unreadBytes -= taken;
    this.#streams.unreadBytes -= taken;
    this.credit(stream, taken);
    this.#pay();
  }

  /** Lets the peer send `bytes` more on a stream; told in pieces of half a window. */
  credit(stream: Stream, bytes: number): void {
    if (stream.remoteClosed) return;
    stream.creditBytes += bytes;
    if (stream.creditBytes * 2 < this.#limits.streamWindowBytes) return;
    this.#output.uint32Frame(FrameType.WINDOW_UPDATE, stream.id, stream.creditBytes);
    stream.receiveWindow += stream.creditBytes;
    stream.creditBytes = 0;
    this.#wake();
  }

  /** Gives back what was held back, if there is room again. */
  settle(): void {
    this.#pay();
  }

  #pay(): void {
    if (this.#creditBytes * 2 < this.#limits.connectionWindowBytes) return;
    if (this.#streams.unreadBytes > this.#limits.unreadBytesMax) return;
    this.#output.uint32Frame(FrameType.WINDOW_UPDATE, 0, this.#creditBytes);
    this.#window += this.#creditBytes;
    this.#creditBytes = 0;
    this.#wake();
  }
}
