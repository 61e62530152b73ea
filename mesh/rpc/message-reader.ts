import { Code, ConnectError } from "@connectrpc/connect";

/** Bytes before each message: a flag and its length (gRPC over HTTP/2, Length-Prefixed-Message). */
export const PREFIX_BYTES = 5;
/** The flag of a message that is compressed by what `grpc-encoding` names. */
export const COMPRESSED = 1;

/** Receives messages as they become whole. */
export interface MessageSink {
  /** `flags` is 0 or COMPRESSED. The bytes belong to the receiver, and no longer to the read buffer. */
  onMessage(flags: number, bytes: Uint8Array): void;
}

/**
 * Splits a body, which comes in pieces of any size, into messages. Holds what has arrived of one message and at most as much
 * again: the length that a peer promises buys it nothing (compare CVE-2024-37168).
 */
export class MessageReader {
  readonly #bytesMax: number;
  readonly #sink: MessageSink;
  /** Bytes of the prefix that have arrived, of which the flag and the length so far are below. */
  #prefixBytes = 0;
  #flags = 0;
  #length = 0;
  /** The message that is being put together, and how much of it has arrived. */
  #message: Uint8Array = NOTHING;
  #arrivedBytes = 0;

  /** `bytesMax` bounds one message as it is on the wire. */
  constructor(bytesMax: number, sink: MessageSink) {
    this.#bytesMax = bytesMax;
    this.#sink = sink;
  }

  /** True between the first byte of a message and its last: a body that ends here was cut. */
  get pending(): boolean {
    return this.#prefixBytes > 0;
  }

  /**
   * Takes the next piece of the body; the sink is called for each message that it completes. Returns what is wrong, after
   * which nothing more is to be pushed: RESOURCE_EXHAUSTED for a message over the bound, INTERNAL for an unknown flag.
   */
  push(chunk: Uint8Array): ConnectError | undefined {
    let offset = 0;
    for (;;) {
      if (this.#prefixBytes < PREFIX_BYTES) {
        offset = this.#readPrefix(chunk, offset);
        if (this.#prefixBytes < PREFIX_BYTES) return undefined;
        const wrong = this.#checkPrefix();
        if (wrong !== undefined) return wrong;
      }
      const length = this.#length;
      const here = chunk.length - offset;
      if (this.#arrivedBytes === 0 && here >= length) {
        this.#prefixBytes = 0;
        this.#sink.onMessage(this.#flags, ownedCopy(chunk, offset, offset + length));
        offset += length;
      } else {
        const taken = Math.min(here, length - this.#arrivedBytes);
        this.#append(chunk, offset, taken);
        offset += taken;
        if (this.#arrivedBytes < length) return undefined;
        const message = this.#message;
        this.#message = NOTHING;
        this.#arrivedBytes = 0;
        this.#prefixBytes = 0;
        this.#sink.onMessage(this.#flags, message);
      }
      if (offset >= chunk.length) return undefined;
    }
  }

  #readPrefix(chunk: Uint8Array, start: number): number {
    let offset = start;
    if (this.#prefixBytes === 0) this.#length = 0;
    while (this.#prefixBytes < PREFIX_BYTES && offset < chunk.length) {
      const byte = chunk[offset] as number;
      if (this.#prefixBytes === 0) this.#flags = byte;
      else this.#length = this.#length * 256 + byte;
      this.#prefixBytes += 1;
      offset += 1;
    }
    return offset;
  }

  #checkPrefix(): ConnectError | undefined {
    if (this.#flags > COMPRESSED)
      return new ConnectError(`protocol error: unknown message flags ${this.#flags}`, Code.Internal);
    return this.#length > this.#bytesMax ? messageTooLarge(this.#length, this.#bytesMax) : undefined;
  }

  #append(chunk: Uint8Array, offset: number, count: number): void {
    const arrived = this.#arrivedBytes + count;
    if (arrived > this.#message.length) {
      const grown = new Uint8Array(Math.min(this.#length, Math.max(arrived * 2, GROWTH_BYTES_MIN)));
      grown.set(this.#message.subarray(0, this.#arrivedBytes));
      this.#message = grown;
    }
    this.#message.set(chunk.subarray(offset, offset + count), this.#arrivedBytes);
    this.#arrivedBytes = arrived;
  }
}

/** True when a piece is one message within the bound, from its first byte to its last: no reader is needed. */
export const isOneMessage = (chunk: Uint8Array, bytesMax: number): boolean => {
  const length = chunk.length - PREFIX_BYTES;
  return (
    length >= 0 &&
    length <= bytesMax &&
    (chunk[0] as number) <= COMPRESSED &&
    chunk[4] === (length & 255) &&
    chunk[3] === ((length >>> 8) & 255) &&
    chunk[2] === ((length >>> 16) & 255) &&
    chunk[1] === length >>> 24
  );
};

const NOTHING = new Uint8Array(0);
const GROWTH_BYTES_MIN = 1024;

/** The error of a message over the bound, before it is read. */
export const messageTooLarge = (bytes: number, bytesMax: number): ConnectError =>
  new ConnectError(`message size ${bytes} is larger than configured readMaxBytes ${bytesMax}`, Code.ResourceExhausted);

const SLAB_BYTES = 8192;
let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

/**
 * A copy that its receiver may keep. A decoded message shares memory with the bytes it came from (protobuf-es: fields of type
 * bytes, unknown fields), while those of the wire are used again. Small ones share a slab: a buffer of their own costs more
 * than the copy.
 */
export const ownedCopy = (bytes: Uint8Array, start: number, end: number): Uint8Array => {
  const length = end - start;
  const source = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  if (length > SLAB_BYTES / 4) return new Uint8Array(source);
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const copy = new Uint8Array(slab.buffer, slabUsed, length);
  copy.set(source);
  slabUsed += length;
  return copy;
};
