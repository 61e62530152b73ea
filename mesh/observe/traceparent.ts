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

/** The same of a call, of which most need no more than the trace's id. */
export class Trace {
  /** The 32 hex digits that name the trace. */
  readonly id: string;
  readonly #flags: string;
  readonly #random: Random;
  #traceparent: string | undefined = undefined;

  constructor(received: string | null | undefined, random: Random) {
    const match = received ? FORMAT.exec(received) : null;
    this.#random = random;
    if (match !== null && isValid(match)) {
      this.id = match[2] as string;
      this.#flags = match[4] as string;
    } else {
      this.id = hex(random, 16);
      this.#flags = "01";
    }
  }

  /** With the span of this hop, which is one however often it is asked for. */
  get traceparent(): string {
    this.#traceparent ??= `00-${this.id}-${hex(this.#random, 8)}-${this.#flags}`;
    return this.#traceparent;
  }
}

const isValid = ([, version, trace, parent, , rest]: RegExpExecArray): boolean =>
  version !== "ff" && trace !== ZERO_TRACE && parent !== ZERO_SPAN && !(version === "00" && rest);

/** The 32 hex digits that name the trace. */
export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);

/** Bytes that are drawn and written as digits at once: one by one that would cost as much as decoding a request. */
const DRAWN_BYTES = 16 * 1024;

const drawn = new WeakMap<Random, { digits: string; used: number }>();

/** `count` bytes as hex digits, each drawn once. */
const hex = (random: Random, count: number): string => {
  let pool = drawn.get(random);
  if (pool === undefined) {
    pool = { digits: "", used: 0 };
    drawn.set(random, pool);
  }
  if (pool.used + count * 2 > pool.digits.length) {
    const { buffer, byteOffset, byteLength } = random.bytes(DRAWN_BYTES);
    pool.digits = Buffer.from(buffer, byteOffset, byteLength).toString("hex");
    pool.used = 0;
  }
  const from = pool.used;
  pool.used = from + count * 2;
  return pool.digits.slice(from, pool.used);
};
