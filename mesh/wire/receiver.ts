import type { Clock } from "../runtime/index.ts";
import { ConnectionError, ErrorCode, protocolError } from "./error-code.ts";
import { Flag, FrameType, MAX_31_BITS, paddingOf, readUint32 } from "./frame.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import { type Parts, Sections } from "./sections.ts";

/** DATA shorter than this carries not even the prefix of a gRPC message. */
const TINY_DATA_BYTES = 5;
/** PINGs of ours that may wait for their answer. */
const PINGS_MAX = 8;

export interface ReceiverParts extends Parts {
  readonly output: OutputBuffer;
  readonly clock: Clock;
}

/** The receiving half of a connection: what each frame means (RFC 9113, 6). Throws a ConnectionError for what ends the connection. */
export class Receiver {
  readonly #parts: ReceiverParts;
  readonly #sections: Sections;
  #pings: { readonly id: number; readonly sentMs: number; readonly onPong: (roundTripMs: number) => void }[] = [];
  #lastPing = 0;
  settingsAcked = false;
  /** Frames that were completed, those of a header block as one: a block that grows and grows is not. */
  completed = 0;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#sections = new Sections(parts);
  }

  /** True while a header block is incomplete. */
  get incomplete(): boolean {
    return this.#sections.openBlock !== 0;
  }

  ping(onPong: (roundTripMs: number) => void): void {
    if (this.#pings.length >= PINGS_MAX) return;
    this.#lastPing++;
    this.#pings.push({ id: this.#lastPing, sentMs: this.#parts.clock.monotonicMs(), onPong });
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.#lastPing, 4);
    this.#parts.output.frame(FrameType.PING, 0, 0, payload, 0, payload.length);
  }

  onFrame(type: number, flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    const { openBlock } = this.#sections;
    if (openBlock !== 0 && (type !== FrameType.CONTINUATION || id !== openBlock)) {
      throw protocolError("a header block was interrupted");
    }
    switch (type) {
      case FrameType.DATA:
        this.#onData(flags, id, bytes, start, end);
        break;
      case FrameType.HEADERS:
        this.#sections.onHeaders(flags, id, bytes, start, end);
        break;
      case FrameType.CONTINUATION:
        this.#sections.onContinuation(flags, bytes, start, end);
        break;
      case FrameType.RST_STREAM:
        this.#onReset(id, bytes, start, end);
        break;
      case FrameType.SETTINGS:
        this.#onSettings(flags, id, bytes, start, end);
        break;
      case FrameType.PING:
        this.#onPing(flags, id, bytes, start, end);
        break;
      case FrameType.GOAWAY:
        this.#onGoAway(id, bytes, start, end);
        break;
      case FrameType.WINDOW_UPDATE:
        this.#onWindowUpdate(id, bytes, start, end);
        break;
      case FrameType.PRIORITY:
        this.#onPriority(id, bytes, start, end);
        break;
      case FrameType.PUSH_PROMISE:
        throw protocolError("PUSH_PROMISE is not welcome");
      default:
        // RFC 9113, 5.5: what is unknown is ignored.
        this.#parts.guard.controlFrame();
    }
    if (this.#sections.openBlock === 0) this.completed++;
  }

  #onData(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    const { server, guard, streams, window } = this.#parts;
    if (id === 0) throw protocolError("DATA on stream 0");
    const ends = (flags & Flag.END_STREAM) !== 0;
    let from = start;
    let to = end;
    if ((flags & Flag.PADDED) !== 0) {
      to -= paddingOf(bytes, start, end);
      from++;
    }
    const count = to - from;
    if (!ends && count < TINY_DATA_BYTES) guard.tinyData();
    window.receive(end - start);
    const stream = streams.get(id);
    if (stream === undefined) {
      if (streams.isIdle(id)) throw protocolError("DATA on an idle stream");
      if (!streams.wasReset(id)) streams.error(id, undefined, ErrorCode.STREAM_CLOSED);
      return;
    }
    stream.receiveWindow -= end - start;
    const wrong = stream.remoteClosed
      ? ErrorCode.STREAM_CLOSED
      : stream.receiveWindow < 0
        ? ErrorCode.FLOW_CONTROL_ERROR
        : (!server && !stream.headersReceived) || !fitsLength(stream, count, ends)
          ? ErrorCode.PROTOCOL_ERROR
          : undefined;
    if (wrong !== undefined) {
      streams.error(id, stream, wrong);
      return;
    }
    if (end - start > count) window.credit(stream, end - start - count);
    stream.unreadBytes += count;
    streams.unreadBytes += count;
    stream.remoteClosed = ends;
    if (server && stream.localClosed) {
      // A request that was answered to its end has nobody who listens.
      window.consume(stream, count);
    } else {
      streams.current = stream;
      stream.handler.onData(bytes.subarray(from, to), ends);
    }
    if (ends) streams.closeIfDone(stream);
  }

  #onReset(id: number, bytes: Uint8Array, start: number, end: number): void {
    const { server, guard, streams } = this.#parts;
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is not 4 bytes");
    if (id === 0 || streams.isIdle(id)) throw protocolError("RST_STREAM on an idle stream");
    if (server) guard.reset();
    const stream = streams.get(id);
    if (stream === undefined) return;
    const code = readUint32(bytes, start);
    streams.current = stream;
    streams.resetByPeer(stream, code);
  }

  #onSettings(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    const { server, guard, settings, sender, output, handler } = this.#parts;
    if (id !== 0) throw protocolError("SETTINGS on a stream");
    const length = end - start;
    if ((flags & Flag.ACK) !== 0) {
      if (length !== 0) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS ACK with a payload");
      this.settingsAcked = true;
      return;
    }
    if (length % 6 !== 0) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS is cut");
    guard.controlFrame();
    const before = settings.initialWindowBytes;
    settings.apply(bytes, start, end, !server);
    sender.encoder.setPeerTableBytes(settings.headerTableBytes);
    output.frame(FrameType.SETTINGS, Flag.ACK, 0, EMPTY, 0, 0);
    handler.onSettings?.();
    this.#shiftWindows(settings.initialWindowBytes - before);
  }

  /** RFC 9113, 6.9.2: a new initial window changes those of all open streams, which may become negative. */
  #shiftWindows(delta: number): void {
    const { sender, streams } = this.#parts;
    if (delta === 0) return;
    for (const stream of streams.all()) {
      stream.sendWindow += delta;
      if (stream.sendWindow > MAX_31_BITS) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE overflows a window");
      }
      if (stream.sendWindow > 0) sender.lineUp(stream);
    }
    sender.pump();
  }

  #onPing(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    const { guard, sender, output, clock } = this.#parts;
    if (id !== 0) throw protocolError("PING on a stream");
    if (end - start !== 8) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "PING is not 8 bytes");
    if ((flags & Flag.ACK) !== 0) {
      // They are answered in order; an answer to what was not asked is nobody's.
      if (this.#pings[0]?.id !== readUint32(bytes, start + 4) || readUint32(bytes, start) !== 0) return;
      const ping = this.#pings.shift();
      ping?.onPong(clock.monotonicMs() - ping.sentMs);
      return;
    }
    guard.ping(sender.dataFrames);
    output.frame(FrameType.PING, Flag.ACK, 0, bytes, start, end);
  }

  #onGoAway(id: number, bytes: Uint8Array, start: number, end: number): void {
    if (id !== 0) throw protocolError("GOAWAY on a stream");
    if (end - start < 8) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY is too short");
    this.#parts.guard.controlFrame();
    this.#parts.shutdown.receive(readUint32(bytes, start) & MAX_31_BITS);
  }

  #onWindowUpdate(id: number, bytes: Uint8Array, start: number, end: number): void {
    const { guard, sender, streams } = this.#parts;
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE is not 4 bytes");
    guard.windowUpdate(sender.dataFrames);
    const increment = readUint32(bytes, start) & MAX_31_BITS;
    if (id === 0) {
      if (increment === 0) throw protocolError("WINDOW_UPDATE by 0");
      sender.window += increment;
      if (sender.window > MAX_31_BITS) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "WINDOW_UPDATE overflows the connection's window");
      }
      sender.pump();
      return;
    }
    const stream = streams.get(id);
    if (stream === undefined) {
      if (streams.isIdle(id)) throw protocolError("WINDOW_UPDATE on an idle stream");
      return;
    }
    stream.sendWindow += increment;
    if (increment === 0) streams.error(id, stream, ErrorCode.PROTOCOL_ERROR);
    else if (stream.sendWindow > MAX_31_BITS) streams.error(id, stream, ErrorCode.FLOW_CONTROL_ERROR);
    else if (stream.queue !== undefined) {
      sender.lineUp(stream);
      sender.pump();
    }
  }

  #onPriority(id: number, bytes: Uint8Array, start: number, end: number): void {
    const { guard, streams } = this.#parts;
    if (id === 0) throw protocolError("PRIORITY on stream 0");
    guard.controlFrame();
    const wrong =
      end - start !== 5
        ? ErrorCode.FRAME_SIZE_ERROR
        : (readUint32(bytes, start) & MAX_31_BITS) === id
          ? ErrorCode.PROTOCOL_ERROR
          : undefined;
    // Else ignored, as RFC 9113, 5.3.2 asks for.
    if (wrong === undefined || streams.wasReset(id)) return;
    if (streams.isIdle(id))
      throw new ConnectionError(wrong, "PRIORITY that is wrong, on a stream that cannot be reset");
    streams.error(id, streams.get(id), wrong);
  }
}

const EMPTY = new Uint8Array(0);

/** Counts a body against its content-length (RFC 9113, 8.1.1). */
const fitsLength = (stream: { contentLeft: number }, count: number, ends: boolean): boolean => {
  if (stream.contentLeft < 0) return true;
  stream.contentLeft -= count;
  return ends ? stream.contentLeft === 0 : stream.contentLeft >= 0;
};
