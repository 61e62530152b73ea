import { Flag, FrameType, WINDOW_BYTES_DEFAULT } from "./frame.ts";
import type { HeaderList } from "./header-list.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import type { WireLimits } from "./limits.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import type { PeerSettings } from "./settings.ts";
import type { SendQueue, Stream } from "./stream.ts";

/** Bytes of one DATA frame, whatever the peer takes: streams take turns, and output is bounded. */
const DATA_FRAME_BYTES_MAX = 64 * 1024;
/** Bytes of output above which bodies wait for the socket. */
const OUTPUT_HIGH_WATER_BYTES = 256 * 1024;

/**
 * The sending half of a connection: frames into the output buffer, within the peer's windows. What does not fit waits in its
 * stream's queue; streams that wait take turns, a frame each.
 */
export class Sender {
  readonly #output: OutputBuffer;
  readonly #peer: PeerSettings;
  readonly #limits: WireLimits;
  readonly #wake: () => void;
  readonly #onSent: (stream: Stream) => void;
  readonly #onOverflow: (stream: Stream) => void;
  readonly #onThrown: (stream: Stream, error: unknown) => void;
  readonly encoder = new HpackEncoder();
  /** DATA frames sent, ever. */
  dataFrames = 0;
  /** Bytes that we may send on the connection. */
  window = WINDOW_BYTES_DEFAULT;
  /** Bytes in the queues of all streams. */
  queuedBytes = 0;
  /** True while the socket takes no more. */
  congested = false;
  /** Streams that can go on as soon as the connection can. */
  #line: Stream[] = [];
  #pumping = false;

  /** `onSent`: a stream's last frame has gone to the output. `onOverflow`: it queues more than the connection may. `onThrown`: its handler did. */
  constructor(options: {
    output: OutputBuffer;
    peer: PeerSettings;
    limits: WireLimits;
    wake: () => void;
    onSent: (stream: Stream) => void;
    onOverflow: (stream: Stream) => void;
    onThrown: (stream: Stream, error: unknown) => void;
  }) {
    this.#output = options.output;
    this.#peer = options.peer;
    this.#limits = options.limits;
    this.#wake = options.wake;
    this.#onSent = options.onSent;
    this.#onOverflow = options.onOverflow;
    this.#onThrown = options.onThrown;
  }

  /** A stream's first section. */
  headers(stream: Stream, headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    if (stream.closed || stream.localClosed || stream.headersSent) return;
    stream.headersSent = true;
    this.section(stream.id, headers, extra, end);
    if (end) this.#onSent(stream);
    this.#wake();
  }

  /** Sends, or queues what the windows do not allow yet; false when the application should wait. */
  data(stream: Stream, chunk: Uint8Array, end: boolean, prefix: Uint8Array | undefined): boolean {
    if (!mayGoOn(stream)) return true;
    this.#data(stream, chunk, end, prefix);
    this.#wake();
    if (stream.queuedBytes <= this.#limits.streamQueueBytes) return true;
    if (this.queuedBytes > this.#limits.queuedBytesMax) {
      this.#onOverflow(stream);
      return true;
    }
    stream.wantsDrain = true;
    return false;
  }

  /** Ends a stream by trailers: now, or behind what is queued. */
  trailers(stream: Stream, trailers: HeaderList, extra: readonly string[] | undefined): void {
    if (!mayGoOn(stream)) return;
    if (stream.queue !== undefined) {
      stream.queue.trailers = { headers: trailers, extra };
      return;
    }
    this.section(stream.id, trailers, extra, true);
    this.#onSent(stream);
    this.#wake();
  }

  /** Any section, also one that is not the application's. */
  section(id: number, headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    const block = this.encoder.encode(headers, extra);
    const flags = end ? Flag.END_STREAM : 0;
    const max = this.#peer.frameBytesMax;
    if (block.length <= max) {
      this.#output.frame(FrameType.HEADERS, flags | Flag.END_HEADERS, id, block, 0, block.length);
      return;
    }
    this.#output.frame(FrameType.HEADERS, flags, id, block, 0, max);
    for (let at = max; at < block.length; at += max) {
      const stop = Math.min(block.length, at + max);
      this.#output.frame(FrameType.CONTINUATION, stop === block.length ? Flag.END_HEADERS : 0, id, block, at, stop);
    }
  }

  #data(stream: Stream, chunk: Uint8Array, end: boolean, prefix: Uint8Array | undefined): void {
    const bytes = chunk.length + (prefix === undefined ? 0 : prefix.length);
    if (
      stream.queue === undefined &&
      bytes <= stream.sendWindow &&
      bytes <= this.window &&
      bytes <= this.#frameBytesMax() &&
      this.#free()
    ) {
      stream.sendWindow -= bytes;
      this.window -= bytes;
      this.dataFrames++;
      this.#output.data(stream.id, end, chunk, prefix, bytes);
      if (end) this.#onSent(stream);
      return;
    }
    this.#enqueue(stream, chunk, end, prefix);
    this.pump();
  }

  /** Puts a stream that waits into the line: its window has opened, or it has just been queued. */
  lineUp(stream: Stream): void {
    if (stream.inLine || stream.queue === undefined) return;
    stream.inLine = true;
    this.#line.push(stream);
  }

  /** Sends what can be sent. Called whenever a window, the socket or a queue has changed. */
  pump(): void {
    // A handler that is told to go on sends from within: its stream stands in the line that is being served.
    if (this.#pumping || this.#line.length === 0) return;
    this.#pumping = true;
    while (this.#line.length > 0 && this.#free()) {
      const line = this.#line;
      this.#line = [];
      let index = 0;
      for (; index < line.length && this.#free(); index++) {
        const stream = line[index] as Stream;
        if (this.window <= 0 && takesWindow(stream)) break;
        stream.inLine = false;
        if (stream.queue !== undefined) this.#sendSome(stream, stream.queue);
      }
      if (index < line.length) {
        this.#line = [...line.slice(index), ...this.#line];
        break;
      }
    }
    this.#pumping = false;
  }

  /** There is room again. Ends that wait behind other streams' bodies need no window: they go first. */
  resume(): void {
    if (this.window <= 0) {
      const [ends, bodies] = [this.#line.filter((stream) => !takesWindow(stream)), this.#line.filter(takesWindow)];
      this.#line = [...ends, ...bodies];
    }
    this.pump();
  }

  /** Forgets what a stream has queued. */
  drop(stream: Stream): void {
    this.queuedBytes -= stream.queuedBytes;
    stream.queuedBytes = 0;
    stream.queue = undefined;
  }

  #frameBytesMax(): number {
    return Math.min(this.#peer.frameBytesMax, DATA_FRAME_BYTES_MAX);
  }

  #free(): boolean {
    return !this.congested && this.#output.length < OUTPUT_HIGH_WATER_BYTES;
  }

  #enqueue(stream: Stream, chunk: Uint8Array, end: boolean, prefix: Uint8Array | undefined): void {
    stream.queue ??= {
      chunks: [],
      room: undefined,
      offset: 0,
      end: false,
      trailers: undefined,
      lookedAtMs: 0,
      takenBytes: 0,
    };
    const { queue } = stream;
    queue.end = end;
    if (prefix !== undefined && prefix.length > 0) this.#keep(stream, queue, prefix);
    if (chunk.length > 0) this.#keep(stream, queue, chunk);
    this.lineUp(stream);
  }

  #keep(stream: Stream, queue: SendQueue, chunk: Uint8Array): void {
    if (chunk.length < SMALL_BYTES) {
      joinSmall(queue, chunk);
    } else {
      queue.room = undefined;
      // A view must not hold on to a far larger buffer that it was read into.
      queue.chunks.push(chunk.length * 2 < chunk.buffer.byteLength ? new Uint8Array(chunk) : chunk);
    }
    stream.queuedBytes += chunk.length;
    this.queuedBytes += chunk.length;
  }

  /** At most one frame of a stream. */
  #sendSome(stream: Stream, queue: SendQueue): void {
    const chunk = queue.chunks[0];
    if (chunk === undefined) {
      this.#finish(stream, queue, false);
      return;
    }
    const left = chunk.length - queue.offset;
    const count = Math.min(left, stream.sendWindow, this.window, this.#frameBytesMax());
    // Its own window is shut: WINDOW_UPDATE puts it back into the line.
    if (count <= 0) return;
    const last = count === left && queue.chunks.length === 1;
    const piece = chunk.subarray(queue.offset, queue.offset + count);
    const end = last && queue.end;
    stream.sendWindow -= count;
    this.window -= count;
    stream.queuedBytes -= count;
    this.queuedBytes -= count;
    queue.takenBytes += count;
    this.dataFrames++;
    this.#output.data(stream.id, end, piece, undefined, count);
    if (count === left) {
      queue.chunks.shift();
      if (queue.chunks.length === 0) queue.room = undefined;
      queue.offset = 0;
    } else {
      queue.offset += count;
    }
    if (last) this.#finish(stream, queue, end);
    else this.lineUp(stream);
    if (stream.wantsDrain && stream.queuedBytes === 0 && !stream.localClosed) {
      stream.wantsDrain = false;
      try {
        stream.handler.onDrain();
      } catch (error) {
        this.#onThrown(stream, error);
      }
    }
  }

  /** The queue is empty: what ends the stream goes now. `ended`: the last piece of data has carried the end. */
  #finish(stream: Stream, queue: SendQueue, ended: boolean): void {
    stream.queue = undefined;
    if (ended) {
      this.#onSent(stream);
    } else if (queue.trailers !== undefined) {
      this.section(stream.id, queue.trailers.headers, queue.trailers.extra, true);
      this.#onSent(stream);
    } else if (queue.end) {
      this.#output.data(stream.id, true, EMPTY, undefined, 0);
      this.#onSent(stream);
    }
  }
}

/** Bytes below which a piece is put to the ones before it: alone it would cost far more than it holds. */
const SMALL_BYTES = 2 * 1024;
/** Bytes of the blocks that small pieces share. */
const BLOCK_BYTES = 8 * 1024;

const joinSmall = (queue: SendQueue, piece: Uint8Array): void => {
  const { room } = queue;
  if (room !== undefined && room.block.length - room.length >= piece.length) {
    room.block.set(piece, room.length);
    room.length += piece.length;
    queue.chunks[queue.chunks.length - 1] = room.block.subarray(0, room.length);
    return;
  }
  // The first piece is often the only one: it gets a block that fits, the next one gets room for more.
  const block = new Uint8Array(queue.chunks.length === 0 ? piece.length : BLOCK_BYTES);
  block.set(piece);
  queue.room = { block, length: piece.length };
  queue.chunks.push(block.subarray(0, piece.length));
};

const takesWindow = ({ queue }: Stream): boolean => queue !== undefined && queue.chunks.length > 0;

/** True between a stream's headers and its end. */
const mayGoOn = ({ closed, localClosed, headersSent, queue }: Stream): boolean =>
  headersSent && !closed && !localClosed && !(queue !== undefined && (queue.end || queue.trailers !== undefined));

const EMPTY = new Uint8Array(0);
