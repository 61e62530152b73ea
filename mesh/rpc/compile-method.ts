import { type DescMessage, type DescMethod, fromBinary, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type Interceptor, type MethodImpl } from "@connectrpc/connect";
import { commonReasons } from "../contract/common-reasons.ts";
import { describeDecodeError } from "../contract/complete-malformed.ts";
import { fail } from "../contract/fail.ts";
import { methodOptions } from "../contract/options.ts";
import { redact } from "../contract/redact.ts";
import { isSameRequest, replayOf, requestIdReused } from "../contract/request-id.ts";
import { requestCheck } from "../contract/validate.ts";
import { type Permission, permissionOf } from "../identity/permission.ts";
import type { Logger } from "../observe/index.ts";
import type { Clock, Runtime } from "../runtime/index.ts";
import type { RecordedReply } from "../store/store.ts";
import { AlreadyApplied, type Replay, runInCall } from "./call.ts";
import type { CallWatch } from "./call-watch.ts";
import { intercepted } from "./intercepted.ts";
import type { RpcLimits } from "./limits.ts";
import type { ServedCall } from "./served-call.ts";

/** What every method of a server needs beside its handler. */
export interface MethodDeps {
  readonly runtime: Runtime;
  /** Tells when calls began: together with all that came in one go. */
  readonly arrivals: Pick<Clock, "monotonicMs">;
  readonly log: Logger;
  readonly limits: RpcLimits;
  readonly watch: CallWatch;
  /** False: handlers and their errors as they are, for tests and measurements of what lies below. */
  readonly policies: boolean;
  /** Around each handler, the first outermost; none cost nothing. */
  readonly interceptors: readonly Interceptor[];
  /** The reply recorded for a request id; absent in a service without a store. */
  readonly findReply?: ((method: string, requestId: string) => Promise<RecordedReply | undefined>) | undefined;
}

type Reply = MessageInitShape<DescMessage>;
type Unary = (request: unknown, context: HandlerContext) => Promise<Reply> | Reply;
type Streaming = (request: unknown, context: HandlerContext) => AsyncIterable<Reply>;

/**
 * A method with all that the contract asks for around its handler, worked out once, at registration. A call goes through it in
 * one order, whatever protocol it came by: access → trace → deadline → validation → request id → handler → error mapping → log line.
 */
export interface CompiledMethod {
  readonly method: DescMethod;
  /** `package.Service/Method`. */
  readonly name: string;
  readonly deps: MethodDeps;
  /** Who may call it. */
  readonly permission: Permission;
  /** Milliseconds that the contract gives a call; undefined for one that lasts as long as both sides want it. */
  readonly capMs: number | undefined;
  readonly streamsRequests: boolean;
  readonly streamsReplies: boolean;
  /** The error of a call whose deadline has passed. */
  late(): ConnectError;
  /**
   * Runs a handler with one reply. `request` is a message, or an async iterable of them. Throws or rejects with what the handler
   * does; the caller of this gives it to `call.fail`.
   */
  runOne(request: unknown, call: ServedCall): Promise<Reply> | Reply;
  /** Runs a handler with many replies. */
  runMany(request: unknown, call: ServedCall): AsyncIterator<Reply>;
}

/** Compiles one method. */
export const compileMethod = (
  method: DescMethod,
  handler: MethodImpl<DescMethod>,
  deps: MethodDeps,
): CompiledMethod => {
  const name = `${method.parent.typeName}/${method.name}`;
  const { policies } = deps;
  const unary = method.methodKind === "unary";
  const declaredMs = policies ? (methodOptions(method).timeoutMs ?? (unary ? deps.limits.callTimeoutMs : 0)) : 0;
  const reasons = commonReasons(method.parent.file.proto.package);
  const streamsRequests = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  const streamsReplies = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
  const implementation = intercepted(method, handler, deps.interceptors);
  const check = requestCheck(method.input);
  const admit = !policies
    ? (request: unknown) => request
    : streamsRequests
      ? (messages: unknown) => admitted(messages as AsyncIterable<Message>, method, check)
      : (message: unknown) => {
          check(message as Message);
          return message;
        };
  const debug = policies && unary && deps.log.level === "debug";
  const mayRepeat = policies && unary && method.input.fields.some((field) => field.name === "request_id");
  return {
    method,
    name,
    deps,
    permission: permissionOf(method),
    capMs: declaredMs === 0 ? undefined : declaredMs,
    streamsRequests,
    streamsReplies,
    late: () =>
      policies
        ? fail(reasons.DEADLINE_EXCEEDED, {})
        : new ConnectError("the operation timed out", Code.DeadlineExceeded),
    runOne(input, call) {
      // A request that has come whole only now. The timer of its deadline fires when the event loop gets to it, which may be later.
      if (call.timer !== undefined) call.refuseLate();
      const request = admit(input);
      if (debug) deps.log.debug({ method: name, request: redact(method.input, request as Message) }, "request");
      const replay = mayRepeat ? replayOf(method, request as Message) : undefined;
      const handle = implementation as Unary;
      if (replay === undefined) return runInCall(call, () => handle(request, call));
      call.replay = replay;
      return runInCall(call, () => once(replay, call, () => handle(request, call)));
    },
    runMany(input, call) {
      if (call.timer !== undefined) call.refuseLate();
      const request = admit(input);
      return runInCall(call, () => (implementation as Streaming)(request, call)[Symbol.asyncIterator]());
    },
  };

  /** Runs the handler at most once per request id, and answers every repetition with the first reply. */
  async function once(replay: Replay, call: ServedCall, handle: () => Promise<Reply> | Reply): Promise<Reply> {
    const recorded = await deps.findReply?.(name, replay.requestId);
    if (recorded !== undefined) return recordedReply(method, replay, recorded);
    call.refuseLate();
    try {
      const reply = await handle();
      if (!replay.recorded) {
        throw new Error(`${name} answered a request id without a store.write that recorded its reply`);
      }
      return reply;
    } catch (error) {
      if (error instanceof AlreadyApplied) return recordedReply(method, replay, error);
      throw error;
    }
  }
};

async function* admitted(messages: AsyncIterable<Message>, method: DescMethod, check: (message: Message) => void) {
  try {
    for await (const message of messages) {
      check(message);
      yield message;
    }
  } catch (error) {
    // A frame that is no message ends the stream here, within the handler's loop, and must not pass for its own error.
    throw error instanceof ConnectError ? describeDecodeError(error, method) : error;
  }
}

const recordedReply = (method: DescMethod, replay: Replay, recorded: RecordedReply): Message => {
  if (!isSameRequest(replay.requestHash, recorded.requestHash)) throw requestIdReused(method, replay.requestId);
  return fromBinary(method.output, recorded.reply);
};
