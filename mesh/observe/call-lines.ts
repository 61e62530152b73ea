/** What there is to tell of a call that went well. */
export interface CallLine {
  /** `package.Service/Method`. */
  readonly method: string;
  readonly durationMs: number;
  readonly peer: string;
  readonly protocol: string;
  /** 32 hex digits. */
  readonly traceId: string;
}

export interface CallLinesOptions {
  readonly service: string;
  /** The time of day, RFC 3339. */
  readonly time: () => string;
  /** Takes the bytes as its own. */
  readonly write: (bytes: Buffer) => void;
  /** Runs something at the end of the event loop's turn; without it each line is written at once. */
  readonly afterTurn: ((fire: () => void) => void) | undefined;
}

/** Bytes of lines that wait for the end of the turn. */
const BUFFER_BYTES = 16 * 1024;
/** More than any line takes beside its two parts that are kept. */
const LINE_BYTES = 128;

/**
 * The one line of each call that went well. With every call on, the log would cost more than the call: what lines have in common is
 * kept as bytes, and the lines of a turn are written as one text.
 */
export class CallLines {
  readonly #options: CallLinesOptions;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #length = 0;
  #scheduled = false;
  /** By method, up to its duration; good for one millisecond. */
  readonly #heads = new Map<string, { readonly time: string; readonly bytes: Uint8Array }>();
  #middle: { readonly peer: string; readonly protocol: string; readonly bytes: Uint8Array } | undefined;

  constructor(options: CallLinesOptions) {
    this.#options = options;
  }

  add(line: CallLine): void {
    const head = this.#headOf(line.method);
    const middle = this.#middleOf(line);
    if (this.#length + head.length + middle.length + LINE_BYTES > BUFFER_BYTES) this.flush();
    this.#put(head);
    this.#putDuration(line.durationMs);
    this.#put(middle);
    const { traceId } = line;
    for (let index = 0; index < traceId.length; index++) this.#buffer[this.#length++] = traceId.charCodeAt(index);
    this.#put(TAIL);
    const { afterTurn } = this.#options;
    if (afterTurn === undefined) {
      this.flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      afterTurn(this.#onTurnEnd);
    }
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#length === 0) return;
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    this.#options.write(bytes);
  }

  readonly #onTurnEnd = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  #headOf(method: string): Uint8Array {
    const time = this.#options.time();
    const known = this.#heads.get(method);
    if (known?.time === time) return known.bytes;
    const service = JSON.stringify(this.#options.service);
    const text = `{"level":"info","time":"${time}","service":${service},"method":${JSON.stringify(method)},"code":"OK","durationMs":`;
    const bytes = Buffer.from(text);
    this.#heads.set(method, { time, bytes });
    return bytes;
  }

  #middleOf({ peer, protocol }: CallLine): Uint8Array {
    // Calls come in bursts from one connection.
    if (this.#middle?.peer === peer && this.#middle.protocol === protocol) return this.#middle.bytes;
    const text = `,"peer":${JSON.stringify(peer)},"protocol":${JSON.stringify(protocol)},"traceId":"`;
    this.#middle = { peer, protocol, bytes: Buffer.from(text) };
    return this.#middle.bytes;
  }

  #put(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Milliseconds with three decimals. */
  #putDuration(durationMs: number): void {
    const micros = Math.max(0, Math.round(durationMs * 1000));
    const whole = String(Math.floor(micros / 1000));
    for (let index = 0; index < whole.length; index++) this.#buffer[this.#length++] = whole.charCodeAt(index);
    const rest = micros % 1000;
    this.#buffer[this.#length++] = POINT;
    this.#buffer[this.#length++] = ZERO + Math.floor(rest / 100);
    this.#buffer[this.#length++] = ZERO + (Math.floor(rest / 10) % 10);
    this.#buffer[this.#length++] = ZERO + (rest % 10);
  }
}

const TAIL = Buffer.from('","msg":"call"}\n');
const POINT = 0x2e;
const ZERO = 0x30;
