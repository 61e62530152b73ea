import { commonReasons, fail } from "@heddle/mesh/contract";
import { respondError } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream, StreamHandler } from "@heddle/mesh/wire";
import type { RequestSampler } from "../edge/edge.ts";
import type { Guarded, HangGuard } from "../relay/hang-guard.ts";
import type { MethodRoute } from "../routing/method-route.ts";
import { showFirstMessage } from "../usage/first-message.ts";
import type { Ending } from "./collected-answer.ts";
import { isOneMessage, REQUEST_BYTES_MAX, type ReplyCache } from "./reply-cache.ts";
import type { Sharing } from "./sharing.ts";

/** One caller's call by gRPC of a method whose replies are shared. */
export interface CallToShare {
  readonly stream: HttpStream;
  readonly headers: HeaderList;
  readonly method: MethodRoute;
  readonly sharing: Sharing;
  /** Milliseconds after which the caller waits no longer. */
  readonly timeoutMs: number | undefined;
  /** Fields that the answer gets beside the instance's own, name and value in turn. */
  readonly answerFields: readonly string[];
  /** What the request is shown to; undefined: nobody asks. */
  readonly sampler: RequestSampler | undefined;
  /** Takes the exchange over, for a request that nobody else can have made. `end`: it has no body. */
  readonly alone: (end: boolean) => void;
}

/** Collects a request, and answers it from what is kept or together with others who ask the same. */
export class SharedCall implements StreamHandler, Guarded {
  guard: Guarded["guard"] = undefined;
  readonly #call: CallToShare;
  readonly #replies: ReplyCache;
  readonly #guard: HangGuard;
  readonly #timers: Timers;
  #body: Uint8Array = new Uint8Array(0);
  #leave: (() => void) | undefined = undefined;
  #isOver = false;

  constructor(
    { replies, guard, timers }: { replies: ReplyCache; guard: HangGuard; timers: Timers },
    call: CallToShare,
  ) {
    this.#replies = replies;
    this.#guard = guard;
    this.#timers = timers;
    this.#call = call;
  }

  /** `end`: the request has no body. */
  open(end: boolean): void {
    const { stream, timeoutMs, alone } = this.#call;
    if (end) {
      alone(true);
      return;
    }
    stream.handler = this;
    if (timeoutMs !== undefined) this.#guard.watch(this, timeoutMs);
  }

  onHeaders(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    // Lent for this call only.
    this.#body = Buffer.concat([this.#body, chunk]);
    if (this.#body.length > REQUEST_BYTES_MAX) this.#goAlone(end);
    else if (end && isOneMessage(this.#body)) this.#ask();
    else if (end) this.#goAlone(true);
  }

  onTrailers(trailers: HeaderList): void {
    this.#goAlone(false);
    this.#call.stream.handler.onTrailers(trailers);
  }

  onReset(): void {
    this.#end();
  }

  onDrain(): void {}

  /** The caller's time is up; others may still wait. */
  expire(): void {
    this.#end();
    const { stream, headers } = this.#call;
    respondError(stream, headers, fail(commonReasons("heddle.gateway").DEADLINE_EXCEEDED, {}), this.#timers);
  }

  #ask(): void {
    const { stream, headers, method, sharing, sampler } = this.#call;
    stream.consume(this.#body.length);
    if (sampler !== undefined) showFirstMessage(sampler, headers, this.#body);
    const leave = this.#replies.ask({ method, sharing, body: this.#body, peer: stream.peer }, (ending, ageMs) =>
      this.#answer(ending, ageMs),
    );
    if (!this.#isOver) this.#leave = leave;
  }

  #answer(ending: Ending, ageMs: number | undefined): void {
    if (this.#isOver) return;
    this.#leave = undefined;
    this.#end();
    const { stream, answerFields } = this.#call;
    if (typeof ending === "number") {
      stream.reset(ending);
      return;
    }
    const { headers, body, trailers } = ending;
    const extra = ageMs === undefined ? answerFields : [...answerFields, "age", ageOf(ageMs)];
    const isBare = body.length === 0 && trailers === undefined;
    stream.sendHeaders(headers, extra.length === 0 ? undefined : extra, isBare);
    if (isBare) return;
    if (body.length > 0) stream.sendData(body, trailers === undefined);
    if (trailers !== undefined) stream.sendTrailers(trailers, undefined);
  }

  /** What has come so far goes on with the exchange: nothing of it was consumed. */
  #goAlone(end: boolean): void {
    this.#end();
    this.#call.alone(false);
    this.#call.stream.handler.onData(this.#body, end);
  }

  #end(): void {
    this.#isOver = true;
    this.#guard.forget(this);
    this.#leave?.();
    this.#leave = undefined;
  }
}

/** In whole seconds (RFC 9111, 5.1). */
export const ageOf = (ageMs: number): string => String(Math.floor(ageMs / 1_000));
