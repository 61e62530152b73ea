import { ConnectionError, ErrorCode, protocolError } from "./error-code.ts";
import { checkFields } from "./field-rules.ts";
import { Flag, MAX_31_BITS, paddingOf, readUint32 } from "./frame.ts";
import type { Guard } from "./guard.ts";
import { HeaderBlock } from "./header-block.ts";
import { HeaderList } from "./header-list.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import type { WireLimits } from "./limits.ts";
import type { ReceiveWindow } from "./receive-window.ts";
import type { Sender } from "./sender.ts";
import type { SessionHandler } from "./session.ts";
import type { PeerSettings } from "./settings.ts";
import type { Shutdown } from "./shutdown.ts";
import type { Stream } from "./stream.ts";
import type { Streams } from "./streams.ts";

/** What the receiving half of a connection is made of. */
export interface Parts {
  readonly server: boolean;
  readonly limits: WireLimits;
  readonly guard: Guard;
  readonly sender: Sender;
  readonly settings: PeerSettings;
  readonly streams: Streams;
  readonly window: ReceiveWindow;
  readonly handler: SessionHandler;
  /** Makes a stream that the peer opens. */
  readonly accept: (id: number) => Stream;
  readonly shutdown: Shutdown;
}

/** Header and trailer sections as they come: HEADERS and CONTINUATION, for requests, responses and trailers (RFC 9113, 8.1). */
export class Sections {
  readonly #parts: Parts;
  readonly #decoder: HpackDecoder;
  readonly #block: HeaderBlock;

  constructor(parts: Parts) {
    const { limits } = parts;
    this.#parts = parts;
    this.#block = new HeaderBlock(limits);
    this.#decoder = new HpackDecoder({
      tableBytesMax: limits.headerTableBytes,
      listBytesMax: limits.headerListBytesMax,
    });
  }

  /** The stream whose header block is incomplete, or 0: then nothing else may come. */
  get openBlock(): number {
    return this.#block.streamId;
  }

  onHeaders(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    if (id === 0) throw protocolError("HEADERS on stream 0");
    let from = start;
    let to = end;
    if ((flags & Flag.PADDED) !== 0) {
      to -= paddingOf(bytes, start, end);
      from++;
    }
    let selfDependent = false;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (to - from < 5) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority");
      selfDependent = (readUint32(bytes, from) & MAX_31_BITS) === id;
      from += 5;
    }
    const ends = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.#block.check(to - from);
      this.#complete(id, ends, selfDependent, bytes, from, to);
    } else {
      this.#block.begin(id, ends, selfDependent, bytes, from, to);
    }
  }

  onContinuation(flags: number, bytes: Uint8Array, start: number, end: number): void {
    if (!this.#block.open) throw protocolError("CONTINUATION without HEADERS");
    this.#block.add(bytes, start, end);
    if ((flags & Flag.END_HEADERS) === 0) return;
    const { streamId, ends, selfDependent, bytes: block } = this.#block.take();
    this.#complete(streamId, ends, selfDependent, block, 0, block.length);
  }

  /** A whole header block: it is always decoded, since the table depends on it. */
  #complete(id: number, ends: boolean, selfDependent: boolean, bytes: Uint8Array, from: number, to: number): void {
    const { server, streams } = this.#parts;
    const list = this.#decoder.decode(bytes, from, to);
    const stream = streams.get(id);
    if (stream !== undefined) {
      if (selfDependent) streams.error(id, stream, ErrorCode.PROTOCOL_ERROR);
      else if (stream.remoteClosed) streams.error(id, stream, ErrorCode.STREAM_CLOSED);
      else if (list === undefined) streams.error(id, stream, ErrorCode.ENHANCE_YOUR_CALM);
      else if (server || stream.headersReceived) this.#onTrailers(stream, list, ends);
      else this.#onResponse(stream, list, ends);
    } else if (server) {
      this.#onRequest(id, list, ends, selfDependent);
    } else if (streams.isIdle(id)) {
      throw protocolError("HEADERS on an idle stream");
    }
  }

  #onRequest(id: number, list: HeaderList | undefined, ends: boolean, selfDependent: boolean): void {
    const { limits, guard, streams, handler, sender } = this.#parts;
    if ((id & 1) === 0) throw protocolError("a client's stream has an even id");
    if (streams.wasReset(id)) return;
    if (id <= streams.lastPeerId) {
      if (guard.wasSkipped(id)) throw protocolError("stream ids must grow");
      throw new ConnectionError(ErrorCode.STREAM_CLOSED, "HEADERS on a closed stream");
    }
    if (this.#parts.shutdown.refusing) {
      streams.refuse(id);
      return;
    }
    guard.streamOpened(streams.lastPeerId, id);
    streams.lastPeerId = id;
    const verdict = list && checkFields(list, "request");
    const refusal = selfDependent || verdict?.malformed !== undefined || (ends && (verdict?.contentLength ?? 0) > 0);
    if (refusal || streams.size >= limits.concurrentStreamsMax) {
      streams.error(id, undefined, refusal ? ErrorCode.PROTOCOL_ERROR : ErrorCode.REFUSED_STREAM);
      return;
    }
    const stream = this.#parts.accept(id);
    stream.remoteClosed = ends;
    streams.current = stream;
    if (list === undefined || verdict === undefined) {
      stream.sendHeaders(HEADERS_TOO_LARGE, undefined, true);
    } else if (verdict.method === "CONNECT") {
      stream.sendHeaders(NO_TUNNELS, undefined, true);
    } else {
      stream.contentLeft = verdict.contentLength;
      stream.headerBytes = verdict.bytes;
      streams.headerBytes += verdict.bytes;
      handler.onStream(stream, list, ends);
      if (verdict.expectsContinue && !stream.headersSent && !stream.closed)
        sender.section(id, CONTINUE, undefined, false);
    }
    if (ends) streams.closeIfDone(stream);
  }

  #onResponse(stream: Stream, list: HeaderList, ends: boolean): void {
    const { guard, streams } = this.#parts;
    const { malformed, status, contentLength } = checkFields(list, "response");
    // There is no 101 here (RFC 9113, 8.6), and what is interim ends nothing.
    if (malformed !== undefined || status === 101 || (status < 200 && ends)) {
      streams.error(stream.id, stream, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    if (status < 200) {
      guard.controlFrame();
      return;
    }
    stream.headersReceived = true;
    if (!stream.bodyless && status !== 204 && status !== 304) stream.contentLeft = contentLength;
    if (ends && stream.contentLeft > 0) {
      streams.error(stream.id, stream, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    stream.remoteClosed = ends;
    streams.current = stream;
    stream.handler.onHeaders(list, ends);
    if (ends) streams.closeIfDone(stream);
  }

  #onTrailers(stream: Stream, list: HeaderList, ends: boolean): void {
    const { server, streams } = this.#parts;
    if (!ends || checkFields(list, "trailers").malformed !== undefined || stream.contentLeft > 0) {
      streams.error(stream.id, stream, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    stream.remoteClosed = true;
    streams.current = stream;
    // A request that was answered to its end has nobody who listens.
    if (!server || !stream.localClosed) stream.handler.onTrailers(list);
    streams.closeIfDone(stream);
  }
}

const CONTINUE = HeaderList.of({ ":status": "100" });
const NO_TUNNELS = HeaderList.of({ ":status": "405", allow: "GET, POST" });
const HEADERS_TOO_LARGE = HeaderList.of({ ":status": "431" });
