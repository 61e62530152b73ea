import { Code, type ConnectError } from "@connectrpc/connect";
import { commonReasons, fail } from "@heddle/mesh/contract";
import { DEFAULT_RPC_LIMITS, discardBody, interruptResponse, respondError } from "@heddle/mesh/rpc";
import {
  ErrorCode,
  type HeaderList,
  type HttpStream,
  type ResetCause,
  type Session,
  type StreamHandler,
} from "@heddle/mesh/wire";
import { showFirstMessage } from "../usage/first-message.ts";
import { type CallToRelay, type RelayDeps, toldAtDrain } from "./call-to-relay.ts";
import type { Endless } from "./endless-calls.ts";
import { FromInstance, type InstanceSide } from "./from-instance.ts";
import type { Guarded } from "./hang-guard.ts";
import { RequestSoFar } from "./request-so-far.ts";
import { SecondTry } from "./second-try.ts";
import { type Traveller, WayToInstance } from "./way-to-instance.ts";

/** Milliseconds that an instance whose answer is complete may take to end the rest of the request by itself. */
const LEFTOVER_MS = 1_000;

/**
 * One call on its way: handles what comes from the caller, and by `FromInstance` what comes from the instance. A piece that one
 * side has sent is acknowledged when the other side's queue has room.
 */
export class RelayedCall implements StreamHandler, InstanceSide, Traveller, Guarded, Endless {
  guard: Guarded["guard"] = undefined;
  readonly #deps: RelayDeps;
  readonly #call: CallToRelay;
  readonly #caller: HttpStream;
  readonly #request: RequestSoFar;
  readonly #way: WayToInstance;
  readonly #secondTry: SecondTry;
  #extra: readonly string[];
  #instance: HttpStream | undefined = undefined;
  /** Bytes of the caller's that wait for the instance to take them. */
  #owedToCaller = 0;
  #owedToInstance = 0;
  /** The headers of the answer that has begun. */
  #response: HeaderList | undefined = undefined;
  #isAnswered = false;
  #isOver = false;

  constructor(deps: RelayDeps, call: CallToRelay) {
    this.#deps = deps;
    this.#call = call;
    this.#caller = call.stream;
    this.#request = new RequestSoFar(call.end);
    this.#way = new WayToInstance(deps.upstreams, call.route, this);
    const { budget } = call.route;
    this.#secondTry = new SecondTry(deps.clock, { budget, previousAttempts: call.previousAttempts });
    this.#extra = call.extra;
  }

  /** @throws TypeError when the route's address is none. */
  open(): void {
    this.#caller.handler = this;
    const { timeoutMs } = this.#call.route;
    try {
      this.#way.go();
    } catch (error) {
      this.#finish();
      throw error;
    }
    if (this.#isOver) return;
    toldAtDrain(this.#deps, this.#call.route)?.add(this);
    if (timeoutMs !== undefined) this.#deps.guard.watch(this, timeoutMs);
  }

  // From the caller.

  onHeaders(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    const bytes = chunk.length;
    // Lent for this call only.
    const piece = bytes === 0 ? EMPTY : Buffer.from(chunk);
    const instance = this.#instance;
    const { sampler } = this.#call.route;
    if (sampler !== undefined && !this.#request.isBegun) showFirstMessage(sampler, this.#call.headers, piece);
    this.#request.ended = end;
    this.#request.add(piece, instance !== undefined);
    this.#owedToCaller += bytes;
    if (this.#request.bytes > (this.#call.route.requestBytesMax ?? Number.POSITIVE_INFINITY)) {
      const refusal = tooLarge();
      this.#call.route.refused?.(refusal);
      this.#stop(refusal);
      return;
    }
    if (instance === undefined) return;
    const more = instance.sendData(piece, end);
    if (end) this.#way.report.requestEnded();
    // Nothing is said of the room after the end.
    if (more || end) this.takenByInstance();
  }

  onTrailers(trailers: HeaderList): void {
    this.#request.end(trailers);
    this.#instance?.sendTrailers(trailers, undefined);
  }

  onReset(code: number, cause: ResetCause): void {
    if (this.#isOver) return;
    // NO_ERROR would say that the answer was complete.
    this.#resetInstance(cause === "peer" && code !== ErrorCode.NO_ERROR ? code : ErrorCode.CANCEL);
    this.#finish();
  }

  onDrain(): void {
    const bytes = this.#owedToInstance;
    this.#owedToInstance = 0;
    if (bytes > 0) this.#instance?.consume(bytes);
  }

  // From the instance.

  answerHeaders(headers: HeaderList, end: boolean): void {
    if (this.#isOver) return;
    let { answerFields } = this.#call.route;
    if (end && this.#secondTry.passes(headers)) {
      this.#way.report.answerEnded(headers);
      if (this.#tryElsewhere()) return;
      answerFields = [...answerFields, ...this.#secondTry.fieldsOf(headers)];
    }
    this.#response = headers;
    this.#request.drop();
    this.#way.report.answered(headers);
    this.#caller.sendHeaders(headers, answerFields.length === 0 ? undefined : answerFields, end);
    if (end) this.#endAnswer(undefined);
  }

  answerData(chunk: Uint8Array, end: boolean): void {
    if (this.#isOver) return;
    const more = this.#caller.sendData(chunk.length === 0 ? EMPTY : Buffer.from(chunk), end);
    this.#owedToInstance += chunk.length;
    if (more || end) this.onDrain();
    if (end) this.#endAnswer(undefined);
  }

  answerTrailers(trailers: HeaderList): void {
    if (this.#isOver) return;
    this.#caller.sendTrailers(trailers, undefined);
    this.#endAnswer(trailers);
  }

  answerReset(code: number, cause: ResetCause): void {
    this.#instance = undefined;
    if (this.#isOver) return;
    this.#way.report.brokenOff(code, cause);
    // The caller may keep the rest of its request (RFC 9113, 8.1), and was told.
    if (this.#isAnswered) this.#finish();
    else if (cause === "unprocessed" && this.#way.mayGoAgain && this.#request.isWhole) this.#way.goAgain();
    else if (this.#response === undefined && this.#secondTry.passesReset(code, cause) && this.#tryElsewhere()) return;
    else if (cause === "peer") this.#passReset(code);
    // A connection that broke is an error that the caller can act on.
    else this.#breakOff(this.#way.unreachable(undefined), code);
  }

  /** The call goes to another instance than the one that has failed it; false: there is none, or it was sent often enough. */
  #tryElsewhere(): boolean {
    if (!this.#request.isWhole) return false;
    const other = this.#way.elsewhere();
    const extra = other && this.#secondTry.take(this.#extra, this.#way.mayGoAgain);
    if (other === undefined || extra === undefined) return false;
    // An instance that answers early leaves a request open.
    if (this.#request.ended) this.#instance = undefined;
    else this.#resetInstance(ErrorCode.CANCEL);
    this.#extra = extra;
    this.#way.goTo(other);
    return true;
  }

  takenByInstance(): void {
    const bytes = this.#owedToCaller;
    this.#owedToCaller = 0;
    if (bytes > 0) this.#caller.consume(bytes);
  }

  /** The instance is hung, or has left the rest of a request lying. */
  expire(): void {
    if (this.#isOver) return;
    if (this.#isAnswered) {
      this.#resetInstance(ErrorCode.NO_ERROR);
      this.#finish();
      return;
    }
    this.#way.report.end("late");
    this.#stop(fail(commonReasons("heddle.gateway").DEADLINE_EXCEEDED, {}));
  }

  /** The gateway drains: the caller is told to go on elsewhere. */
  interrupt(reason: ConnectError): void {
    if (!this.#isOver && !this.#isAnswered) this.#stop(reason);
  }

  /** Ends both sides: the caller's with an error. */
  #stop(error: ConnectError): void {
    this.#resetInstance(ErrorCode.CANCEL);
    this.#breakOff(error, ErrorCode.CANCEL);
  }

  #resetInstance(code: number): void {
    const instance = this.#instance;
    if (instance === undefined) return;
    this.#way.reset(instance, code);
    this.#instance = undefined;
  }

  // From the way to the instance.

  /** Opens the stream and sends what has come so far. */
  connected(session: Session): void {
    const { sent } = this.#call;
    const request = this.#request;
    let instance: HttpStream;
    try {
      instance = session.request(sent, this.#extra, request.isBare, new FromInstance(this));
    } catch (cause) {
      this.#way.goElsewhere(cause);
      return;
    }
    this.#instance = instance;
    if (!request.isBare && request.sendOn(instance)) this.takenByInstance();
    if (request.ended) this.#way.report.requestEnded();
  }

  notConnected(error: ConnectError): void {
    this.#failWith(error);
  }

  #endAnswer(trailers: HeaderList | undefined): void {
    if (this.#isOver) return;
    this.#isAnswered = true;
    this.#way.report.answerEnded(trailers);
    if (this.#request.ended) {
      this.#finish();
      return;
    }
    // What is left of the request goes no further; an instance that answers early ends it by itself.
    discardBody(this.#caller, this.#deps.timers);
    this.#deps.guard.watch(this, LEFTOVER_MS);
  }

  /** A reset means the same to the caller. */
  #passReset(code: number): void {
    this.#finish();
    this.#caller.reset(code);
  }

  /** Ends the answer with an error: all of it, its rest where the protocol has a place for that, or by a reset. */
  #breakOff(error: ConnectError, code: number): void {
    if (this.#response === undefined) {
      this.#failWith(error);
      return;
    }
    const isTold = interruptResponse(this.#caller, this.#response, error);
    this.#finish();
    if (!isTold) this.#caller.reset(code);
    else if (!this.#request.ended) discardBody(this.#caller, this.#deps.timers);
  }

  #failWith(error: ConnectError): void {
    this.#finish();
    const [name, value] = error.code === Code.Unavailable ? this.#secondTry.fieldsOf(error.metadata) : [];
    if (name !== undefined && value !== undefined) error.metadata.set(name, value);
    respondError(this.#caller, this.#call.headers, error, this.#deps.timers);
  }

  #finish(): void {
    this.#isOver = true;
    this.#instance = undefined;
    this.#request.drop();
    toldAtDrain(this.#deps, this.#call.route)?.delete(this);
    this.#deps.guard.forget(this);
    this.#way.leave();
  }
}

const EMPTY = new Uint8Array(0);

const tooLarge = (): ConnectError =>
  fail(commonReasons("heddle.gateway").MESSAGE_TOO_LARGE, { limitBytes: DEFAULT_RPC_LIMITS.messageBytesMax });
