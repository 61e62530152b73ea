import type { Clock, Timer, Timers } from "../runtime/index.ts";
import type { Trace } from "./traceparent.ts";

/** What there is to tell of a call that went well. */
export interface CallLine {
  /** `package.Service/Method`. */
  readonly methodName: string;
  readonly peer: string;
  readonly protocolName: string;
  readonly trace: Trace;
  /** `Clock.monotonicMs`. */
  readonly startMs: number;
}

export interface CallLinesOptions {
  readonly service: string;
  readonly clock: Pick<Clock, "nowMs" | "monotonicMs">;
  /** Takes the bytes as its own. */
  readonly write: (bytes: Uint8Array) => void;
  /** Lets lines wait for others; without it each is written at once. */
  readonly timers: Pick<Timers, "after" | "afterTurn"> | undefined;
}

/** More than all the lines that wait for one another: a write costs more than making them, most of all where another thread does it. */
export const BUFFER_BYTES = 64 * 1024;
/** Milliseconds that a line may wait for others. */
const WAIT_MS = 20;
/** Calls of one turn whose lines may wait to be made. */
const CALLS_MAX = 512;
/** More than any line takes beside its two parts that are kept. */
const LINE_BYTES = 128;

/**
 * The one line of each call that went well. With every call on, the log would cost more than the call: the lines of a turn are made one
 * after the other, which costs half of what each does beside its call; what they have in common is kept as bytes, many are written as
 * one, and the wall clock is read once for them.
 */
export class CallLines {
  readonly #options: CallLinesOptions;
  /** Of this turn, in the order in which they ended. */
  readonly #calls: CallLine[] = [];
  readonly #endsMs: number[] = [];
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #length = 0;
  #timer: Timer | undefined = undefined;
  /** What a time of the monotonic clock lacks to one of the wall clock, as of the first line that waits. */
  #wallMs = 0;
  /** By method, up to its duration; good for one second, whose milliseconds are written over. */
  readonly #heads = new Map<string, { readonly second: number; readonly bytes: Uint8Array }>();
  #middle: { readonly peer: string; readonly protocol: string; readonly bytes: Uint8Array } | undefined;

  constructor(options: CallLinesOptions) {
    this.#options = options;
  }

  /** `endMs`: `Clock.monotonicMs`. */
  add(call: CallLine, endMs: number): void {
    const { timers } = this.#options;
    this.#calls.push(call);
    this.#endsMs.push(endMs);
    if (timers === undefined) this.flush();
    else if (this.#calls.length === 1) timers.afterTurn(this.#onTurnEnd);
    else if (this.#calls.length === CALLS_MAX) this.#makeLines();
  }

  /** Writes what waits. */
  flush(): void {
    this.#makeLines();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#handOver();
  }

  readonly #onTurnEnd = (): void => {
    this.#makeLines();
    if (this.#length > 0) this.#timer ??= this.#options.timers?.after(WAIT_MS, this.#onWaited);
  };

  readonly #onWaited = (): void => this.flush();

  #makeLines(): void {
    const calls = this.#calls;
    for (let index = 0; index < calls.length; index++)
      this.#put(calls[index] as CallLine, this.#endsMs[index] as number);
    calls.length = 0;
    this.#endsMs.length = 0;
  }

  #put(call: CallLine, endMs: number): void {
    const { clock } = this.#options;
    if (this.#length === 0) this.#wallMs = clock.nowMs() - clock.monotonicMs();
    const nowMs = Math.floor(this.#wallMs + endMs);
    const second = Math.floor(nowMs / 1000);
    const head = this.#headOf(call.methodName, second);
    const middle = this.#middleOf(call);
    if (this.#length + head.length + middle.length + LINE_BYTES > BUFFER_BYTES) this.#handOver();
    const buffer = this.#buffer;
    let at = this.#length;
    buffer.set(head, at);
    putThousandth(buffer, at + MILLISECOND_AT, nowMs - second * 1000);
    at = putDuration(buffer, at + head.length, endMs - call.startMs);
    buffer.set(middle, at);
    at += middle.length;
    call.trace.writeId(buffer, at);
    at += TRACE_ID_BYTES;
    buffer.set(TAIL, at);
    this.#length = at + TAIL.length;
  }

  #handOver(): void {
    if (this.#length === 0) return;
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    if (bytes.length < BUFFER_BYTES / 2) {
      this.#options.write(Buffer.from(bytes));
    } else {
      this.#buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
      this.#options.write(bytes);
    }
  }

  #headOf(method: string, second: number): Uint8Array {
    const known = this.#heads.get(method);
    if (known?.second === second) return known.bytes;
    const time = new Date(second * 1000).toISOString();
    const service = JSON.stringify(this.#options.service);
    const text = `${TO_TIME}${time}","service":${service},"method":${JSON.stringify(method)},"code":"OK","durationMs":`;
    const bytes = Buffer.from(text);
    this.#heads.set(method, { second, bytes });
    return bytes;
  }

  #middleOf({ peer, protocolName: protocol }: CallLine): Uint8Array {
    // Calls come in bursts from one connection.
    if (this.#middle?.peer === peer && this.#middle.protocol === protocol) return this.#middle.bytes;
    const text = `,"peer":${JSON.stringify(peer)},"protocol":${JSON.stringify(protocol)},"traceId":"`;
    this.#middle = { peer, protocol, bytes: Buffer.from(text) };
    return this.#middle.bytes;
  }
}

const TO_TIME = '{"level":"info","time":"';
const MILLISECOND_AT = TO_TIME.length + "2026-01-01T00:00:00.".length;
const TRACE_ID_BYTES = 32;
const TAIL = Buffer.from('","msg":"call"}\n');
const POINT = 0x2e;
const ZERO = 0x30;

/** Milliseconds with three decimals; returns where they end. */
const putDuration = (buffer: Uint8Array, from: number, durationMs: number): number => {
  const micros = Math.max(0, Math.round(durationMs * 1000));
  const whole = Math.floor(micros / 1000);
  let at = from;
  if (whole < 10) {
    buffer[at++] = ZERO + whole;
  } else {
    const digits = String(whole);
    for (let index = 0; index < digits.length; index++) buffer[at++] = digits.charCodeAt(index);
  }
  buffer[at++] = POINT;
  putThousandth(buffer, at, micros - whole * 1000);
  return at + 3;
};

/** Three digits. */
const putThousandth = (buffer: Uint8Array, at: number, value: number): void => {
  const tens = Math.floor(value / 10);
  const hundreds = Math.floor(value / 100);
  buffer[at] = ZERO + hundreds;
  buffer[at + 1] = ZERO + tens - hundreds * 10;
  buffer[at + 2] = ZERO + value - tens * 10;
};
