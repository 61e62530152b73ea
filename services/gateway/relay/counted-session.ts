import type { Candidate } from "@heddle/mesh/discovery";
import type { ConcurrencyLimit } from "@heddle/mesh/policy";
import {
  type HeaderList,
  type HttpStream,
  IGNORE,
  type ResetCause,
  type Session,
  type StreamHandler,
} from "@heddle/mesh/wire";
import { CallReport } from "./call-report.ts";
import type { PacedResets } from "./paced-resets.ts";

/** What is kept of one instance for all calls to it. */
export interface InstanceState {
  readonly candidate: Candidate;
  readonly load: ConcurrencyLimit;
  readonly resets: PacedResets;
  /** One message each way: how long its answer takes is the instance's doing. */
  readonly isUnary: boolean;
}

/**
 * A session to an instance whose streams are counted in its load until they have ended, and reset at a pace that it bears. Its
 * balancer is told how they went.
 */
export class CountedSession implements Session {
  readonly #session: Session;
  readonly #instance: InstanceState;

  constructor(session: Session, instance: InstanceState) {
    this.#session = session;
    this.#instance = instance;
  }

  get peer(): string {
    return this.#session.peer;
  }

  get openStreams(): number {
    return this.#session.openStreams;
  }

  get draining(): boolean {
    return this.#session.draining;
  }

  get closed(): boolean {
    return this.#session.closed;
  }

  get freeStreams(): number {
    return this.#session.freeStreams;
  }

  request(headers: HeaderList, extra: readonly string[] | undefined, end: boolean, handler: StreamHandler): HttpStream {
    const counted = new CountedStream(handler, this.#instance);
    counted.open((inner) => this.#session.request(headers, extra, end, inner));
    return counted;
  }

  ping(onPong: (roundTripMs: number) => void): void {
    this.#session.ping(onPong);
  }

  drain(): void {
    this.#session.drain();
  }

  destroy(code?: number): void {
    this.#session.destroy(code);
  }
}

/** Stands between a stream and who uses it: leaves the load with the end of the answer, or with a reset from either side. */
class CountedStream implements HttpStream, StreamHandler {
  handler: StreamHandler;
  #stream: HttpStream | undefined = undefined;
  readonly #resets: PacedResets;
  readonly #report: CallReport;
  #load: ConcurrencyLimit | undefined;

  constructor(handler: StreamHandler, { candidate, load, resets, isUnary }: InstanceState) {
    this.handler = handler;
    this.#resets = resets;
    this.#report = new CallReport(isUnary);
    this.#report.begin(candidate);
    // One that is over the bound by a turn, because it was chosen together with others, is let in uncounted.
    this.#load = load.enter() ? load : undefined;
  }

  open(request: (handler: StreamHandler) => HttpStream): void {
    try {
      this.#stream = request(this);
    } catch (error) {
      this.#leave();
      this.#report.end("left");
      throw error;
    }
  }

  get peer(): string {
    return this.#stream?.peer ?? "";
  }

  get closed(): boolean {
    return this.#stream?.closed ?? true;
  }

  get queuedBytes(): number {
    return this.#stream?.queuedBytes ?? 0;
  }

  sendHeaders(headers: HeaderList, extra: readonly string[] | undefined, end: boolean): void {
    this.#stream?.sendHeaders(headers, extra, end);
  }

  sendData(chunk: Uint8Array, end: boolean, prefix?: Uint8Array): boolean {
    const more = this.#stream?.sendData(chunk, end, prefix) ?? true;
    if (end) this.#report.requestEnded();
    return more;
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    this.#stream?.sendTrailers(trailers, extra);
  }

  consume(bytes: number): void {
    this.#stream?.consume(bytes);
  }

  /** The stream counts until the instance is rid of it, which may be a while later. */
  reset(code: number): void {
    const load = this.#load;
    this.#load = undefined;
    this.handler = IGNORE;
    this.#report.end("left");
    if (this.#stream !== undefined) this.#resets.reset(this.#stream, code, load);
  }

  onHeaders(headers: HeaderList, end: boolean): void {
    this.#report.answered();
    if (end) this.#endAnswer(headers);
    this.handler.onHeaders(headers, end);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (end) this.#endAnswer(undefined);
    this.handler.onData(chunk, end);
  }

  onTrailers(trailers: HeaderList): void {
    this.#endAnswer(trailers);
    this.handler.onTrailers(trailers);
  }

  onReset(code: number, cause: ResetCause): void {
    this.#leave();
    this.#report.brokenOff(code, cause);
    this.handler.onReset(code, cause);
  }

  onDrain(): void {
    this.handler.onDrain();
  }

  #endAnswer(last: HeaderList | undefined): void {
    this.#leave();
    this.#report.answerEnded(last);
  }

  #leave(): void {
    this.#load?.leave();
    this.#load = undefined;
  }
}
