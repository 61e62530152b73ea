import { AsyncLocalStorage } from "node:async_hooks";
import type { DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import { ANONYMOUS, type Caller } from "../identity/caller.ts";
import { PRIORITY_HEADER } from "./priority-header.ts";

/** The one call that the current code runs for; made by the server once per call. */
export interface Call {
  /** Undefined where work goes on that no caller waits for. */
  readonly method: DescMethod | undefined;
  /** W3C trace context of this hop, passed on to every call that is made for this one. */
  readonly traceparent: string;
  /** `Clock.monotonicMs` at which work stops, or undefined where neither caller nor contract set a deadline. */
  readonly deadlineMs: number | undefined;
  /** Aborts when the deadline passes, the caller goes away or the server stops. Made when it is first asked for. */
  readonly signal: AbortSignal;
  /** True when `signal` has aborted, or would have; asking makes no signal. */
  readonly aborted: boolean;
  /** The caller's address, for the log. */
  readonly peer: string;
  /** Who calls, as far as that is proven; nobody in work that no caller waits for. */
  readonly caller: Caller;
  /** Present when the request carries a request id: what the store needs to record the reply with the write. */
  readonly replay: Replay | undefined;
  /** Metadata that goes to every call made for this one, such as the caller's authorization: name and value in turn. */
  readonly forwarded: readonly string[];
  /** A call that was made for this one was tried often enough: whoever asked for this one must not try again (gRFC A6, pushback). */
  isExhausted?: boolean;
  /** Calls `listener` when `signal` would abort, without making one; the returned function takes it back. */
  onEnd(listener: (reason: unknown) => void): () => void;
}

/** A mutation that must take effect once, however often it is sent. */
export interface Replay {
  readonly requestId: string;
  /** SHA-256 of the request without its request id. */
  readonly requestHash: Uint8Array;
  /** The reply in the bytes that are recorded. */
  encodeReply(reply: MessageInitShape<DescMethod["output"]>): Uint8Array;
  /** Set by the store when the reply was recorded in the write's own transaction. */
  recorded: boolean;
}

/** Thrown by the store when another call with the same request id has committed first; the server answers with it. */
export class AlreadyApplied extends Error {
  readonly requestHash: Uint8Array;
  readonly reply: Uint8Array;
  constructor(recorded: { requestHash: Uint8Array; reply: Uint8Array }) {
    super("The request id was applied already.");
    this.name = "AlreadyApplied";
    this.requestHash = recorded.requestHash;
    this.reply = recorded.reply;
  }
}

const calls = new AsyncLocalStorage<Call>();

/** The call that the running code belongs to; undefined in background work. */
export const currentCall = (): Call | undefined => calls.getStore();

/** The same for work that may belong to none: it is kept apart from whatever call has led here. */
export const resumeCall = <T>(call: Call | undefined, work: () => T): T =>
  call === undefined ? calls.exit(work) : calls.run(call, work);

/** Runs `work` as part of `call`. */
export const runInCall = <T>(call: Call, work: () => T): T => calls.run(call, work);

/**
 * What work runs in that belongs to a trace and to no caller: it has no deadline, and nobody can cancel it. `isCritical`: the calls
 * that are made for it are not shed, wherever they go.
 */
export const backgroundCall = (traceparent: string, { isCritical = false } = {}): Call =>
  new BackgroundCall(traceparent, isCritical ? CRITICAL : []);

const CRITICAL = [PRIORITY_HEADER, "critical"];

class BackgroundCall implements Call {
  readonly traceparent: string;
  readonly method = undefined;
  readonly deadlineMs = undefined;
  readonly aborted = false;
  readonly peer = "";
  readonly caller = ANONYMOUS;
  readonly replay = undefined;
  readonly forwarded: readonly string[];
  isExhausted = false;
  constructor(traceparent: string, forwarded: readonly string[]) {
    this.traceparent = traceparent;
    this.forwarded = forwarded;
  }
  get signal(): AbortSignal {
    return NEVER;
  }
  onEnd(): () => void {
    return () => undefined;
  }
}

const NEVER = new AbortController().signal;
