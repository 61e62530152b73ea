import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, type HandlerContext } from "@connectrpc/connect";
import type { Caller } from "../identity/caller.ts";
import { type CallLine, TRACEPARENT, Trace } from "../observe/index.ts";
import type { Priority } from "../policy/index.ts";
import { NEVER_AGAIN, PUSHBACK } from "../policy/retry.ts";
import type { Timer } from "../runtime/index.ts";
import type { Call, Replay } from "./call.ts";
import { callerKey } from "./caller-key.ts";
import type { CompiledMethod } from "./compile-method.ts";
import { logCall, logUnsent, mapThrown } from "./observe-call.ts";
import { PRIORITY_HEADER } from "./priority-header.ts";
import { priorityKey } from "./priority-key.ts";

/**
 * One call from its first byte to its last: what the mesh knows of it (`Call`) and what Connect shows its handler
 * (`HandlerContext`), in one object. What few handlers ask for is made when it is asked for: the AbortSignal, the Headers, the
 * metadata that goes on.
 */
export abstract class ServedCall implements Call, CallLine, HandlerContext {
  readonly compiled: CompiledMethod;
  /** `Clock.monotonicMs` of the start. */
  readonly startMs: number;
  /** Milliseconds that it was given. */
  readonly #givenMs: number | undefined;
  replay: Replay | undefined = undefined;
  isExhausted = false;
  /** Hears that the call must end, once: the deadline passed, the caller left, the server stops. */
  onAbort: ((reason: unknown) => void) | undefined = undefined;
  /** Armed when the call outlives the turn in which it began. */
  timer: Timer | undefined = undefined;
  /** True once the call's one line is written. */
  ended = false;
  /** As the caller sent it. */
  readonly #traceparent: string | undefined;
  #trace: Trace | undefined = undefined;
  #aborted = false;
  #reason: unknown = undefined;
  #controller: AbortController | undefined = undefined;
  #listeners: Set<(reason: unknown) => void> | undefined = undefined;

  /** `askedMs`: the caller's deadline; the contract's may be nearer. */
  constructor(compiled: CompiledMethod, askedMs: number | undefined, traceparent: string | undefined) {
    const { capMs } = compiled;
    this.#givenMs = askedMs === undefined ? capMs : capMs === undefined || askedMs < capMs ? askedMs : capMs;
    this.compiled = compiled;
    this.startMs = compiled.deps.arrivals.monotonicMs();
    this.#traceparent = traceparent;
  }

  abstract readonly peer: string;
  abstract readonly caller: Caller;
  abstract readonly protocolName: string;
  abstract readonly requestMethod: string;
  abstract readonly url: string;
  abstract readonly requestHeader: Headers;
  abstract readonly responseHeader: Headers;
  abstract readonly responseTrailer: Headers;
  abstract readonly values: ContextValues;
  /** How urgent it is, and so is what is called for it. */
  protected abstract readonly priority: Priority;
  /** The caller's `authorization`, which goes on to every call that is made for this one. */
  protected abstract readonly authorization: string | undefined;

  /** The caller's trace, or a new one. */
  get trace(): Trace {
    this.#trace ??= new Trace(this.#traceparent, this.compiled.deps.runtime.random);
    return this.#trace;
  }

  get traceparent(): string {
    return this.trace.traceparent;
  }

  get deadlineMs(): number | undefined {
    return this.#givenMs === undefined ? undefined : this.startMs + this.#givenMs;
  }

  get method(): DescMethod {
    return this.compiled.method;
  }

  get methodName(): string {
    return this.compiled.name;
  }

  get service(): DescService {
    return this.compiled.method.parent;
  }

  /** Streams, and what may go on for ever, are told to go on elsewhere when the server drains; the rest may finish. */
  get endsAtDrain(): boolean {
    return this.compiled.streamsReplies || this.#givenMs === undefined;
  }

  /** Aborts when the call must end, and when it has ended. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
      else if (this.ended) this.#controller.abort(DONE);
    }
    return this.#controller.signal;
  }

  get forwarded(): readonly string[] {
    const { authorization, priority } = this;
    const fields = authorization === undefined ? [] : ["authorization", authorization];
    // What is no more urgent than others says nothing.
    if (priority === "high" || priority === "critical") fields.push(PRIORITY_HEADER, priority);
    return fields;
  }

  onEnd(listener: (reason: unknown) => void): () => void {
    if (this.#aborted || this.ended) {
      listener(this.#aborted ? this.#reason : DONE);
      return () => undefined;
    }
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    return () => this.#listeners?.delete(listener);
  }

  /** True when the call must end, or has. */
  get aborted(): boolean {
    return this.#aborted || this.ended;
  }

  timeoutMs(): number | undefined {
    const { deadlineMs } = this;
    return deadlineMs === undefined ? undefined : deadlineMs - this.compiled.deps.runtime.clock.monotonicMs();
  }

  /** Throws when the deadline has passed: work that nobody waits for any more is not begun. */
  refuseLate(): void {
    const leftMs = this.timeoutMs();
    if (leftMs !== undefined && leftMs <= 0) throw this.compiled.late();
  }

  /** Tells all that work for the call to stop; only the first reason counts. */
  abort(reason: unknown): void {
    if (this.#aborted || this.ended) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#tell(reason);
    this.onAbort?.(reason);
  }

  /** Ends the call with a status (0 is OK) and writes its one log line. Only the first end counts. */
  end(code: number): void {
    if (this.ended) return;
    logCall(this, code, undefined);
    this.#end(code);
  }

  /** Ends the call with what was thrown, and returns the error to answer with. */
  fail(thrown: unknown): ConnectError {
    const { error, id, reason, untold } = mapThrown(this, thrown);
    if (!this.ended) {
      // The cause stays here: the caller gets the id, and the id leads to this line.
      logCall(this, error.code, { reason, errorId: id, ...(id === undefined ? {} : { err: thrown, untold }) });
      this.#end(error.code);
    }
    if (this.isExhausted && PASSING.has(error.code)) error.metadata.set(PUSHBACK, NEVER_AGAIN);
    return error;
  }

  /** Logs what keeps the reply of a call that has ended from being sent, and returns the error to send instead. */
  unsent(cause: ConnectError): ConnectError {
    return logUnsent(this, cause);
  }

  #end(code: number): void {
    this.ended = true;
    this.compiled.deps.watch.leave(this, code);
    // What was left running for it ends.
    this.#tell(DONE);
  }

  #tell(reason: unknown): void {
    this.#controller?.abort(reason);
    const listeners = this.#listeners;
    if (listeners === undefined) return;
    this.#listeners = undefined;
    for (const listener of listeners) listener(reason);
  }
}

/** Codes that callers try again: those of which they must be told not to. */
const PASSING: ReadonlySet<Code> = new Set([Code.Unavailable, Code.ResourceExhausted]);

const DONE = new ConnectError("The call that this was for has ended.", Code.Canceled);

/** A call that Connect's own handlers have read: every protocol but gRPC's, and that one too beside `node:http2`. */
export class ConnectCall extends ServedCall {
  readonly peer: string;
  readonly #context: HandlerContext;

  constructor(compiled: CompiledMethod, context: HandlerContext, peer: string) {
    super(compiled, context.timeoutMs(), context.requestHeader.get(TRACEPARENT) ?? undefined);
    this.#context = context;
    this.peer = peer;
  }

  get caller(): Caller {
    return this.#context.values.get(callerKey);
  }

  get protocolName(): string {
    return this.#context.protocolName;
  }

  get requestMethod(): string {
    return this.#context.requestMethod;
  }

  get url(): string {
    return this.#context.url;
  }

  get requestHeader(): Headers {
    return this.#context.requestHeader;
  }

  get responseHeader(): Headers {
    return this.#context.responseHeader;
  }

  get responseTrailer(): Headers {
    return this.#context.responseTrailer;
  }

  get values(): ContextValues {
    return this.#context.values;
  }

  protected get priority(): Priority {
    return this.#context.values.get(priorityKey);
  }

  protected get authorization(): string | undefined {
    return this.#context.requestHeader.get("authorization") ?? undefined;
  }
}
