import { HeaderList, type HttpStream, type ResetCause, type StreamHandler } from "../wire/index.ts";

/** One thing that was sent on a stream. */
export type Sent =
  | readonly ["headers", Readonly<Record<string, string>>, "end" | "more"]
  | readonly ["data", string, "end" | "more"]
  | readonly ["trailers", Readonly<Record<string, string>>]
  | readonly ["reset", number];

/** An exchange in a test's hands: it keeps what is sent on it, and the test says what arrives. */
export class FakeStream implements HttpStream {
  handler: StreamHandler = { onHeaders() {}, onData() {}, onTrailers() {}, onReset() {}, onDrain() {} };
  readonly peer: string;
  queuedBytes = 0;
  #isReset = false;
  #hasReceivedEnd: boolean;
  #hasSentEnd: boolean;
  readonly #sends: (() => Sent)[] = [];
  /** Bytes that the other end may send on account of `consume`. */
  consumed = 0;
  /** While true, what is sent waits in the queue. */
  isBlocked = false;

  /** `receivedEnd`, `sentEnd`: a request without body, which came or was sent. */
  constructor({ peer = "192.0.2.1:4711", receivedEnd = false, sentEnd = false } = {}) {
    this.peer = peer;
    this.#hasReceivedEnd = receivedEnd;
    this.#hasSentEnd = sentEnd;
  }

  /** Everything that was sent, in order. Pieces of a body are as they are now: who changes one after sending it is found out. */
  get sent(): Sent[] {
    return this.#sends.map((read) => read());
  }

  get closed(): boolean {
    return this.#isReset || (this.#hasReceivedEnd && this.#hasSentEnd);
  }

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    const record = recordOf(headers, extra);
    this.#sends.push(() => ["headers", record, end ? "end" : "more"]);
    this.#hasSentEnd = end;
  }

  sendData(chunk: Uint8Array, end: boolean, prefix?: Uint8Array): boolean {
    const whole = () => Buffer.concat(prefix === undefined ? [chunk] : [prefix, chunk]);
    this.#sends.push(() => ["data", whole().toString("latin1"), end ? "end" : "more"]);
    this.#hasSentEnd = end;
    if (this.isBlocked) this.queuedBytes += whole().length;
    return !this.isBlocked;
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    const record = recordOf(trailers, extra);
    this.#sends.push(() => ["trailers", record]);
    this.#hasSentEnd = true;
  }

  consume(bytes: number): void {
    this.consumed += bytes;
  }

  reset(code: number): void {
    if (this.closed) return;
    this.#isReset = true;
    this.#sends.push(() => ["reset", code]);
  }

  /** A response's headers arrive. */
  headers(fields: Readonly<Record<string, string>>, end = false): void {
    this.#hasReceivedEnd = end;
    this.handler.onHeaders(HeaderList.of(fields), end);
  }

  /** A piece of the body arrives, in a buffer that is used again at once. */
  data(text: string, end = false): void {
    this.#hasReceivedEnd = end;
    const lent = Buffer.from(text, "latin1");
    this.handler.onData(lent, end);
    lent.fill(0x21);
  }

  trailers(fields: Readonly<Record<string, string>>): void {
    this.#hasReceivedEnd = true;
    this.handler.onTrailers(HeaderList.of(fields));
  }

  /** The stream breaks. */
  breaks(code: number, cause: ResetCause): void {
    this.#isReset = true;
    this.handler.onReset(code, cause);
  }

  /** What waited has left. */
  drain(): void {
    this.isBlocked = false;
    this.queuedBytes = 0;
    this.handler.onDrain();
  }
}

const recordOf = ({ fields }: HeaderList, extra: readonly string[] = []): Record<string, string> => {
  const record: Record<string, string> = {};
  const all = [...fields, ...extra];
  for (let index = 0; index < all.length; index += 2) record[all[index] as string] = all[index + 1] as string;
  return record;
};
