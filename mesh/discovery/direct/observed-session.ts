import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { methodPath } from "../../contract/method-name.ts";
import { GRPC_STATUS, parseGrpcTimeout } from "../../rpc/grpc-status.ts";
import { SERVICE_HEADER } from "../../rpc/index.ts";
import type { Clock } from "../../runtime/index.ts";
import {
  HeaderList,
  type HttpStream,
  IGNORE,
  type ResetCause,
  type Session,
  type StreamHandler,
} from "../../wire/index.ts";
import type { Candidate } from "../balancer.ts";
import { type Outcome, outcomeOf, outcomeOfReset } from "../outcome.ts";

/** The headers of one method's calls to one service. */
interface Addressed {
  readonly headers: HeaderList;
  /** Whether the answer is one message, which comes as soon as it can. */
  readonly isOneAnswer: boolean;
}

/** Says in each call's headers which service it is for: made once for each list of headers, so that the wire knows it again. */
export class AddressedHeaders {
  readonly #methods: ReadonlyMap<string, DescMethod>;
  readonly #name: string;
  readonly #known = new WeakMap<HeaderList, Addressed>();

  /** `name`: of the service that serves `service`; empty: nobody has said. */
  constructor(service: DescService, name: string) {
    this.#methods = new Map(service.methods.map((method) => [methodPath(method), method]));
    this.#name = name;
  }

  of(headers: HeaderList): Addressed {
    const known = this.#known.get(headers);
    if (known !== undefined) return known;
    const kind = this.#methods.get(headers.get(":path") ?? "")?.methodKind;
    const made: Addressed = {
      headers: this.#name === "" ? headers : new HeaderList([...headers.fields, SERVICE_HEADER, this.#name]),
      isOneAnswer: kind === "unary" || kind === "client_streaming",
    };
    this.#known.set(headers, made);
    return made;
  }
}

/** A session whose calls say which service they are for, and whose ends the balancer is told of. */
export class ObservedSession implements Session {
  readonly #session: Session;
  readonly #headers: AddressedHeaders;
  readonly #observer: { readonly candidate: Candidate; readonly clock: Clock } | undefined;

  /** `observer`: absent for a session to the gateway, which is balanced there. */
  constructor(
    session: Session,
    headers: AddressedHeaders,
    observer?: { readonly candidate: Candidate; readonly clock: Clock },
  ) {
    this.#session = session;
    this.#headers = headers;
    this.#observer = observer;
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
    const { headers: addressed, isOneAnswer } = this.#headers.of(headers);
    if (this.#observer === undefined) return this.#session.request(addressed, extra, end, handler);
    const { candidate, clock } = this.#observer;
    const observed = new ObservedStream(handler, candidate, { clock, timeoutMs: timeoutOf(extra), isOneAnswer });
    observed.open((inner) => this.#session.request(addressed, extra, end, inner), end);
    return observed;
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

/** Stands between a stream and who uses it, and tells the balancer how the instance did: once, however the stream ends. */
class ObservedStream implements HttpStream, StreamHandler {
  handler: StreamHandler;
  #stream: HttpStream | undefined = undefined;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #timeoutMs: number;
  readonly #isOneAnswer: boolean;
  #candidate: Candidate | undefined;
  /** What the balancer measures the wait for the answer from: since the request was sent, until the answer has begun. */
  #sent: number | undefined = undefined;
  /** The status that came with the headers, where the answer is nothing else. */
  #headStatus: string | undefined = undefined;

  constructor(
    handler: StreamHandler,
    candidate: Candidate,
    scope: { readonly clock: Clock; readonly timeoutMs: number; readonly isOneAnswer: boolean },
  ) {
    this.handler = handler;
    this.#candidate = candidate;
    this.#clock = scope.clock;
    this.#startMs = scope.clock.monotonicMs();
    this.#timeoutMs = scope.timeoutMs;
    this.#isOneAnswer = scope.isOneAnswer;
  }

  open(request: (handler: StreamHandler) => HttpStream, end: boolean): void {
    this.#stream = request(this);
    this.#candidate?.begin();
    if (end) this.#requested();
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
    if (end) this.#requested();
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
    this.#end(isLate ? "late" : "left");
    this.#stream?.reset(code);
  }

  onHeaders(headers: HeaderList, end: boolean): void {
    if (this.#sent !== undefined) this.#candidate?.answered(this.#sent);
    this.#sent = undefined;
    if (end) this.#endBy(headers.get(GRPC_STATUS));
    else this.#headStatus = headers.get(GRPC_STATUS);
    this.handler.onHeaders(headers, end);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (end) this.#endBy(this.#headStatus);
    this.handler.onData(chunk, end);
  }

  onTrailers(trailers: HeaderList): void {
    this.#endBy(trailers.get(GRPC_STATUS) ?? this.#headStatus);
    this.handler.onTrailers(trailers);
  }

  onReset(code: number, cause: ResetCause): void {
    this.#end(outcomeOfReset(code, cause));
    this.handler.onReset(code, cause);
  }

  onDrain(): void {
    this.handler.onDrain();
  }

  /** An answer without a status is none. */
  #endBy(status: string | undefined): void {
    if (status === undefined) this.#end("failed");
    else this.#end(status === "0" ? "ok" : outcomeOf(Number(status) as Code));
  }

  #requested(): void {
    if (this.#isOneAnswer) this.#sent ??= this.#candidate?.sent();
  }

  #end(outcome: Outcome): void {
    this.#candidate?.end(outcome, this.#sent);
    this.#candidate = undefined;
  }
}

/** Milliseconds by which a caller's timer may be early. */
const LATE_SLACK_MS = 1;

/** Milliseconds that a call was given; Infinity where nobody has said. */
const timeoutOf = (extra: readonly string[] | undefined): number => {
  const index = extra?.lastIndexOf("grpc-timeout") ?? -1;
  return (index < 0 ? undefined : parseGrpcTimeout(extra?.[index + 1] ?? "")) ?? Number.POSITIVE_INFINITY;
};
