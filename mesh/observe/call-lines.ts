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

/**
 * More than all the lines that wait for one another: a write costs more than making them, most of all where another thread does it. Less
 * than the 128 KiB from which on malloc maps memory anew each time (mallopt(3), M_MMAP_THRESHOLD).
 */
export const BUFFER_BYTES = 120 * 1024;
/** Milliseconds that a line may wait for others. */
const WAIT_MS = 20;
/** Calls of one turn whose lines may wait to be made. */
const CALLS_MAX = 512;
/** Peers of one method that a template is kept for. */
const PEERS_MAX = 64;

/**
 * The one line of each call that went well. With every call on, the log would cost more than the call: the lines of a turn are made one
 * after the other at its end, when their answers leave. Each is a copy of a template with its own duration and trace; many are written
 * as one, and the clocks are read once for them.
 */
export class CallLines {
  readonly #options: CallLinesOptions;
  /** Of this turn, in the order in which they ended. */
  readonly #calls: CallLine[] = [];
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #length = 0;
  #timer: Timer | undefined = undefined;
  /** By method, then by peer. */
  readonly #templates = new Map<string, Map<string, Template>>();
  #last: Template | undefined = undefined;

  constructor(options: CallLinesOptions) {
    this.#options = options;
  }

  /** A call has ended. */
  add(call: CallLine): void {
    const { timers } = this.#options;
    this.#calls.push(call);
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
    if (calls.length === 0) return;
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    const endMs = clock.monotonicMs();
    for (const call of calls) this.#put(call, nowMs, endMs);
    calls.length = 0;
  }

  #put(call: CallLine, nowMs: number, endMs: number): void {
    const micros = Math.max(0, Math.round((endMs - call.startMs) * 1000));
    const wholeMs = Math.floor(micros / 1000);
    const template = this.#last?.fits(call, wholeMs) ? this.#last : this.#templateOf(call, wholeMs);
    this.#last = template;
    template.setTime(nowMs);
    const { bytes } = template;
    if (this.#length + bytes.length > BUFFER_BYTES) this.#handOver();
    const at = this.#length;
    this.#buffer.set(bytes, at);
    template.putDuration(this.#buffer, at, micros, wholeMs);
    call.trace.writeId(this.#buffer, at + template.traceAt);
    this.#length = at + bytes.length;
  }

  #templateOf(call: CallLine, wholeMs: number): Template {
    const { methodName, peer } = call;
    let ofMethod = this.#templates.get(methodName);
    if (ofMethod === undefined) {
      ofMethod = new Map();
      this.#templates.set(methodName, ofMethod);
    }
    const known = ofMethod.get(peer);
    if (known?.fits(call, wholeMs)) return known;
    if (known === undefined && ofMethod.size >= PEERS_MAX) ofMethod.clear();
    const template = new Template(this.#options.service, call, wholeMs);
    ofMethod.set(peer, template);
    return template;
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
}

/** A line without its duration and its trace, for the calls of one method by one peer. */
class Template {
  readonly bytes: Buffer;
  /** Where the id of the trace has its place. */
  readonly traceAt: number;
  readonly #call: Pick<CallLine, "methodName" | "peer" | "protocolName">;
  readonly #durationAt: number;
  /** Digits of the duration before its point. */
  readonly #digits: number;
  #nowMs = Number.NaN;
  #second = Number.NaN;

  constructor(service: string, { methodName, peer, protocolName }: CallLine, wholeMs: number) {
    this.#call = { methodName, peer, protocolName };
    this.#digits = digitsOf(wholeMs);
    const [name, method, from, protocol] = [service, methodName, peer, protocolName].map((text) =>
      JSON.stringify(text),
    );
    const time = " ".repeat(TIME_BYTES);
    const head = Buffer.from(`${TO_TIME}${time}","service":${name},"method":${method},"code":"OK","durationMs":`);
    const middle = Buffer.from(`.000,"peer":${from},"protocol":${protocol},"traceId":"`);
    this.#durationAt = head.length;
    this.traceAt = head.length + this.#digits + middle.length;
    this.bytes = Buffer.concat([head, Buffer.alloc(this.#digits), middle, Buffer.alloc(TRACE_ID_BYTES), TAIL]);
  }

  fits({ methodName, peer, protocolName }: CallLine, wholeMs: number): boolean {
    const own = this.#call;
    return (
      methodName === own.methodName &&
      peer === own.peer &&
      protocolName === own.protocolName &&
      digitsOf(wholeMs) === this.#digits
    );
  }

  setTime(nowMs: number): void {
    if (nowMs === this.#nowMs) return;
    this.#nowMs = nowMs;
    const second = Math.floor(nowMs / 1000);
    if (second === this.#second) {
      putThousandth(this.bytes, MILLISECOND_AT, Math.floor(nowMs) - second * 1000);
    } else {
      this.#second = second;
      this.bytes.write(new Date(nowMs).toISOString(), TO_TIME.length, TIME_BYTES, "latin1");
    }
  }

  /** Puts the duration into a copy that begins at `from`: milliseconds with three decimals. */
  putDuration(line: Uint8Array, from: number, micros: number, wholeMs: number): void {
    let at = from + this.#durationAt;
    if (this.#digits === 1) {
      line[at++] = ZERO + wholeMs;
    } else {
      const digits = String(wholeMs);
      for (let index = 0; index < digits.length; index++) line[at++] = digits.charCodeAt(index);
    }
    putThousandth(line, at + 1, micros - wholeMs * 1000);
  }
}

const TO_TIME = '{"level":"info","time":"';
const TIME_BYTES = "2026-01-01T00:00:00.000Z".length;
const MILLISECOND_AT = TO_TIME.length + "2026-01-01T00:00:00.".length;
const TRACE_ID_BYTES = 32;
const TAIL = Buffer.from('","msg":"call"}\n');
const ZERO = 0x30;

const digitsOf = (whole: number): number => (whole < 10 ? 1 : String(whole).length);

/** Three digits. */
const putThousandth = (line: Uint8Array, at: number, value: number): void => {
  const tens = Math.floor(value / 10);
  const hundreds = Math.floor(value / 100);
  line[at] = ZERO + hundreds;
  line[at + 1] = ZERO + tens - hundreds * 10;
  line[at + 2] = ZERO + value - tens * 10;
};
