import { parseGrpcTimeout } from "../rpc/index.ts";
import type { Clock } from "../runtime/index.ts";
import {
  type HeaderList,
  type HttpStream,
  IGNORE,
  type ResetCause,
  type Session,
  type StreamHandler,
} from "../wire/index.ts";
import { type Addressed, AddressedSession, type Addressing } from "./addressed-session.ts";
import type { Candidate } from "./balancer.ts";
import { CallReport } from "./call-report.ts";

/** Whom the calls of a session go to. */
export interface Callee {
  readonly candidate: Candidate;
  readonly clock: Clock;
  /** Takes a place among the calls that the instance has at once, where these are bounded. */
  enter?(): Slot | undefined;
}

/** A call's place at an instance. */
export interface Slot {
  /** The call has ended. */
  leave(): void;
  /** The caller ends it: the place is free when the instance is rid of it. */
  reset(stream: HttpStream, code: number): void;
}

/** A session whose balancer is told how each call went. */
export class ReportedSession extends AddressedSession {
  readonly #callee: Callee;

  constructor(session: Session, addressing: Addressing, callee: Callee) {
    super(session, addressing);
    this.#callee = callee;
  }

  protected override send(
    call: Addressed,
    extra: readonly string[] | undefined,
    end: boolean,
    handler: StreamHandler,
  ): HttpStream {
    const report = new CallReport(call.isOneAnswer);
    const reported = new ReportedStream(handler, this.#callee, { report, timeoutMs: timeoutOf(extra) });
    reported.open((inner) => super.send(call, extra, end, inner), end);
    return reported;
  }
}

/** Stands between a stream and who uses it, and tells the balancer how the instance did: once, however the stream ends. */
class ReportedStream implements HttpStream, StreamHandler {
  handler: StreamHandler;
  #stream: HttpStream | undefined = undefined;
  #slot: Slot | undefined;
  readonly #report: CallReport;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #timeoutMs: number;

  constructor(
    handler: StreamHandler,
    callee: Callee,
    call: { readonly report: CallReport; readonly timeoutMs: number },
  ) {
    this.handler = handler;
    this.#clock = callee.clock;
    this.#startMs = callee.clock.monotonicMs();
    this.#timeoutMs = call.timeoutMs;
    this.#report = call.report;
    this.#report.begin(callee.candidate);
    this.#slot = callee.enter?.();
  }

  open(request: (handler: StreamHandler) => HttpStream, end: boolean): void {
    try {
      this.#stream = request(this);
    } catch (error) {
      this.#leave();
      this.#report.end("left");
      throw error;
    }
    if (end) this.#report.requestEnded();
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
    if (end) this.#report.requestEnded();
    return this.#stream?.sendData(chunk, end, prefix) ?? true;
  }

  sendTrailers(trailers: HeaderList, extra: readonly string[] | undefined): void {
    this.#stream?.sendTrailers(trailers, extra);
  }

  consume(bytes: number): void {
    this.#stream?.consume(bytes);
  }

  /** The caller ends it: because time is up, or for reasons of its own, which say nothing of the instance. */
  reset(code: number): void {
    this.handler = IGNORE;
    const isLate = this.#clock.monotonicMs() - this.#startMs >= this.#timeoutMs - LATE_SLACK_MS;
    this.#report.end(isLate ? "late" : "left");
    const slot = this.#slot;
    this.#slot = undefined;
    if (this.#stream === undefined || slot === undefined) this.#stream?.reset(code);
    else slot.reset(this.#stream, code);
  }

  onHeaders(headers: HeaderList, end: boolean): void {
    this.#report.answered(headers);
    if (end) this.#endAnswer(undefined);
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

  #endAnswer(trailers: HeaderList | undefined): void {
    this.#leave();
    this.#report.answerEnded(trailers);
  }

  #leave(): void {
    this.#slot?.leave();
    this.#slot = undefined;
  }
}

/** Milliseconds by which a caller's timer may be early. */
const LATE_SLACK_MS = 1;

/** Milliseconds that a call was given; Infinity where nobody has said. */
const timeoutOf = (extra: readonly string[] | undefined): number => {
  const index = extra?.lastIndexOf("grpc-timeout") ?? -1;
  return (index < 0 ? undefined : parseGrpcTimeout(extra?.[index + 1] ?? "")) ?? Number.POSITIVE_INFINITY;
};
