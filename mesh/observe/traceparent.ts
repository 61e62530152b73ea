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
  /** The 32 hex digits that name the trace, as text or where they were drawn. */
  #id: string | undefined = undefined;
  #drawn: Digits | undefined = undefined;
  #from = 0;
  readonly #flags: string;
  readonly #random: Random;
  #traceparent: string | undefined = undefined;

  constructor(received: string | null | undefined, random: Random) {
    const match = received ? FORMAT.exec(received) : null;
    this.#random = random;
    if (match !== null && isValid(match)) {
      this.#id = match[2] as string;
      this.#flags = match[4] as string;
    } else {
      this.#drawn = digitsOf(random, TRACE_DIGITS);
      this.#from = this.#drawn.used - TRACE_DIGITS;
      this.#flags = "01";
    }
  }

  /** The 32 hex digits that name the trace. */
  get id(): string {
    this.#id ??= textOf(this.#drawn, this.#from, TRACE_DIGITS);
    return this.#id;
  }

  /** Writes the 32 hex digits that name the trace, as ASCII: for most calls nobody needs them as text. */
  writeId(target: Uint8Array, at: number): void {
    const bytes = this.#drawn?.bytes;
    const from = this.#from;
    if (bytes !== undefined) {
      for (let index = 0; index < TRACE_DIGITS; index++) target[at + index] = bytes[from + index] as number;
    } else {
      const { id } = this;
      for (let index = 0; index < TRACE_DIGITS; index++) target[at + index] = id.charCodeAt(index);
    }
  }

  /** With the span of this hop, which is one however often it is asked for. */
  get traceparent(): string {
    this.#traceparent ??= `00-${this.id}-${hex(this.#random, SPAN_DIGITS)}-${this.#flags}`;
    return this.#traceparent;
  }
}

const TRACE_DIGITS = 32;
const SPAN_DIGITS = 16;

const isValid = ([, version, trace, parent, , rest]: RegExpExecArray): boolean =>
  version !== "ff" && trace !== ZERO_TRACE && parent !== ZERO_SPAN && !(version === "00" && rest);

/** The 32 hex digits that name the trace. */
export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);

/** Bytes that are drawn and written as digits at once: one by one that would cost as much as decoding a request. */
const DRAWN_BYTES = 16 * 1024;

/** Hex digits of chance, each of which is used once. */
interface Digits {
  readonly bytes: Buffer;
  used: number;
}

const drawn = new WeakMap<Random, Digits>();

/** Digits of which the last `count` that are used were not used before. */
const digitsOf = (random: Random, count: number): Digits => {
  let digits = drawn.get(random);
  if (digits === undefined || digits.used + count > digits.bytes.length) {
    const { buffer, byteOffset, byteLength } = random.bytes(DRAWN_BYTES);
    digits = { bytes: Buffer.from(Buffer.from(buffer, byteOffset, byteLength).toString("hex"), "latin1"), used: 0 };
    drawn.set(random, digits);
  }
  digits.used += count;
  return digits;
};

const textOf = (digits: Digits | undefined, from: number, count: number): string =>
  digits?.bytes.toString("latin1", from, from + count) ?? "";

const hex = (random: Random, count: number): string => {
  const digits = digitsOf(random, count);
  return textOf(digits, digits.used - count, count);
};
