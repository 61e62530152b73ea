import type { Random } from "../runtime/index.ts";

/** The header's name (W3C Trace Context, level 1). */
export const TRACEPARENT = "traceparent";

const FORMAT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = "0".repeat(32);
const ZERO_SPAN = "0".repeat(16);

/**
 * The trace context of this hop: the caller's trace with a span of our own, or a new trace where the caller sent none or
 * an invalid one (W3C Trace Context, 3.2).
 */
export const continueTrace = (received: string | null | undefined, random: Random): string =>
  new Trace(received, random).traceparent;

/** The same of a call, of which most need no more than the trace's id, and that as bytes. */
export class Trace {
  #id: string | undefined = undefined;
  /** Where the 16 bytes lie of which the id is made, unless it came as text. */
  readonly #drawn: Uint8Array | undefined;
  readonly #from: number;
  readonly #flags: string;
  readonly #random: Random;
  #traceparent: string | undefined = undefined;

  constructor(received: string | null | undefined, random: Random) {
    const match = received ? FORMAT.exec(received) : null;
    this.#random = random;
    if (match !== null && isValid(match)) {
      this.#id = match[2] as string;
      this.#drawn = undefined;
      this.#from = 0;
      this.#flags = match[4] as string;
    } else {
      const { bytes, used } = draw(random, TRACE_BYTES);
      this.#drawn = bytes;
      this.#from = used - TRACE_BYTES;
      this.#flags = "01";
    }
  }

  /** The 32 hex digits that name the trace. */
  get id(): string {
    this.#id ??= hex(this.#drawn as Uint8Array, this.#from, TRACE_BYTES);
    return this.#id;
  }

  /** Writes the 32 hex digits that name the trace, as ASCII. */
  writeId(target: Uint8Array, at: number): void {
    const drawn = this.#drawn;
    const from = this.#from;
    if (drawn === undefined) {
      const { id } = this;
      for (let index = 0; index < 2 * TRACE_BYTES; index++) target[at + index] = id.charCodeAt(index);
      return;
    }
    for (let index = 0; index < TRACE_BYTES; index++) {
      const byte = drawn[from + index] as number;
      target[at + 2 * index] = DIGITS[byte >> 4] as number;
      target[at + 2 * index + 1] = DIGITS[byte & 0xf] as number;
    }
  }

  /** With the span of this hop, which is one however often it is asked for. */
  get traceparent(): string {
    if (this.#traceparent === undefined) {
      const { bytes, used } = draw(this.#random, SPAN_BYTES);
      this.#traceparent = `00-${this.id}-${hex(bytes, used - SPAN_BYTES, SPAN_BYTES)}-${this.#flags}`;
    }
    return this.#traceparent;
  }
}

const TRACE_BYTES = 16;
const SPAN_BYTES = 8;
const DIGITS = new TextEncoder().encode("0123456789abcdef");

const isValid = ([, version, trace, parent, , rest]: RegExpExecArray): boolean =>
  version !== "ff" && trace !== ZERO_TRACE && parent !== ZERO_SPAN && !(version === "00" && rest);

/** The 32 hex digits that name the trace. */
export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);

/** Bytes that are drawn at once: a few at a time would cost as much as decoding a request. */
const DRAWN_BYTES = 16 * 1024;

/** Bytes of chance, each of which is used once. */
interface Pool {
  readonly random: Random;
  readonly bytes: Uint8Array;
  used: number;
}

const pools = new WeakMap<Random, Pool>();
/** There is one generator in a process, and in its tests a few. */
let last: Pool | undefined;

/** A pool of which the last `count` bytes that are used were not used before. */
const draw = (random: Random, count: number): Pool => {
  let pool = last?.random === random ? last : pools.get(random);
  if (pool === undefined || pool.used + count > DRAWN_BYTES) {
    pool = { random, bytes: random.bytes(DRAWN_BYTES), used: 0 };
    pools.set(random, pool);
  }
  last = pool;
  pool.used += count;
  return pool;
};

const hex = ({ buffer, byteOffset }: Uint8Array, from: number, count: number): string =>
  Buffer.from(buffer, byteOffset + from, count).toString("hex");
