import type { DescMessage, DescMethod, Message, MessageInitShape } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import type { HandlerContext, MethodImpl } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { commonReasons } from "../contract/common-reasons.ts";
import { describeDecodeError } from "../contract/complete-malformed.ts";
import { fail } from "../contract/fail.ts";
import { methodOptions } from "../contract/options.ts";
import { redact } from "../contract/redact.ts";
import { isSameRequest, replayOf, requestIdReused } from "../contract/request-id.ts";
import type { RequestValidator } from "../contract/validate.ts";
import { continueTrace, type Logger, TRACEPARENT } from "../observe/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { RecordedReply } from "../store/store.ts";
import { answerKey } from "./answer.ts";
import { AlreadyApplied, type Call, type Replay, runInCall } from "./call.ts";
import { startDeadline, untilAborted } from "./deadline.ts";
import type { RpcLimits } from "./limits.ts";
import { observeCall } from "./observe-call.ts";
import { peerKey } from "./peer.ts";

/** What every method of a server needs beside its handler. */
export interface MethodDeps {
  readonly runtime: Runtime;
  readonly log: Logger;
  readonly limits: RpcLimits;
  readonly validate: RequestValidator;
  /** Aborts when the server begins to drain, with the error that ends streams which have no end of their own. */
  readonly draining: AbortSignal;
  /** The reply recorded for a request id; absent in a service without a store. */
  readonly findReply?: ((method: string, requestId: string) => Promise<RecordedReply | undefined>) | undefined;
}

type AnyMessage = Message;
type Unary = (request: AnyMessage, context: HandlerContext) => Promise<MessageInitShape<DescMessage>>;
type Streaming = (input: unknown, context: HandlerContext) => AsyncIterable<MessageInitShape<DescMessage>>;

/**
 * Compiles one method, once, at registration: the handler with all that the contract asks for around it. The order is fixed:
 * trace → log → deadline → validation → request id → handler → error mapping.
 */
export const serveMethod = <M extends DescMethod>(
  method: M,
  handler: MethodImpl<M>,
  deps: MethodDeps,
): MethodImpl<M> => {
  const serve = method.methodKind === "unary" || method.methodKind === "client_streaming" ? serveOne : serveMany;
  return serve(method, handler as never, deps) as unknown as MethodImpl<M>;
};

const serveOne = (method: DescMethod, handler: Unary, deps: MethodDeps): Unary => {
  const open = callOpener(method, deps);
  const admit = admission(method, deps);
  const name = fullName(method);
  return async (input, received) => {
    const { call, context, deadline, observed } = open(received);
    try {
      const request = admit(input);
      if (method.methodKind === "unary" && deps.log.level === "debug") {
        deps.log.debug({ method: name, request: redact(method.input, request) }, "request");
      }
      const replay = method.methodKind === "unary" ? replayOf(method, request as AnyMessage) : undefined;
      const reply = await runInCall({ ...call, replay }, () =>
        untilAborted(replay === undefined ? handler(request, context) : once(request, replay), call.signal),
      );
      observed.end(Code_OK);
      return reply;
    } catch (error) {
      throw observed.fail(error);
    } finally {
      deadline?.clear();
    }

    /** Runs the handler at most once per request id, and answers every repetition with the first reply. */
    async function once(request: AnyMessage, replay: Replay): Promise<MessageInitShape<DescMessage>> {
      const recorded = await deps.findReply?.(name, replay.requestId);
      if (recorded !== undefined) return recordedReply(method, replay, recorded);
      try {
        const reply = await handler(request, context);
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
};

const serveMany = (method: DescMethod, handler: Streaming, deps: MethodDeps): Streaming => {
  const open = callOpener(method, deps);
  const admit = admission(method, deps);
  return async function* (input, received) {
    const { call, context, deadline, observed } = open(received);
    let replies: AsyncIterator<MessageInitShape<DescMessage>> | undefined;
    // Within its call, so that a handler's cleanup has its trace; a handler may have come to its end already.
    const endHandler = () => void runInCall(call, () => replies?.return?.())?.catch(() => undefined);
    // A caller that is gone asks for no further reply, so that the handler would wait at its yield for ever.
    const giveUp = () => {
      observed.fail(call.signal.reason);
      endHandler();
    };
    try {
      const request = admit(input);
      replies = runInCall(call, () => handler(request, context)[Symbol.asyncIterator]());
      const step = replies.next.bind(replies);
      call.signal.addEventListener("abort", giveUp, { once: true });
      for (;;) {
        const next = await runInCall(call, () => untilAborted(step(), call.signal));
        if (next.done === true) break;
        yield next.value;
      }
      observed.end(Code_OK);
    } catch (error) {
      throw observed.fail(error);
    } finally {
      call.signal.removeEventListener("abort", giveUp);
      // Reached too when the caller stops reading.
      observed.end(Code.Canceled);
      endHandler();
      deadline?.clear();
    }
  };
};

/** gRPC's status OK, which Connect's `Code` leaves out. */
const Code_OK = 0;

const fullName = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;

/** Everything that a call has before its request is looked at. */
const callOpener = (method: DescMethod, deps: MethodDeps) => {
  const { runtime, limits } = deps;
  const name = fullName(method);
  const declaredMs = methodOptions(method).timeoutMs ?? (method.methodKind === "unary" ? limits.callTimeoutMs : 0);
  // Zero: a stream lasts as long as both sides want it.
  const capMs = declaredMs === 0 ? undefined : declaredMs;
  const streamsReplies = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
  const late = () => fail(commonReasons(method.parent.file.proto.package).DEADLINE_EXCEEDED, {});
  return (context: HandlerContext) => {
    const traceparent = continueTrace(context.requestHeader.get(TRACEPARENT), runtime.random);
    const peer = context.values.get(peerKey);
    const observed = observeCall({ method, name, traceparent, peer, protocol: context.protocolName, deps });
    const answer = context.values.get(answerKey);
    if (answer !== undefined) answer.unsent = observed.unsent;
    const askedMs = context.timeoutMs();
    const timeoutMs = askedMs === undefined ? capMs : Math.min(askedMs, capMs ?? askedMs);
    if (timeoutMs !== undefined && timeoutMs <= 0) {
      throw observed.fail(late());
    }
    // A call with one reply may finish; a stream of replies, or what may go on for ever, is told to go on elsewhere.
    const ends =
      streamsReplies || timeoutMs === undefined ? AbortSignal.any([context.signal, deps.draining]) : context.signal;
    const deadline = timeoutMs === undefined ? undefined : startDeadline(timeoutMs, late, ends, runtime);
    const signal = deadline?.signal ?? ends;
    const call: Call = {
      method,
      traceparent,
      deadlineMs: deadline?.atMs,
      signal,
      peer,
      replay: undefined,
      forwarded: forwardedFrom(context.requestHeader),
    };
    return { call, deadline, observed, context: bounded(context, signal) };
  };
};

/** What lets a request, or each message of a stream of them, in. */
const admission = (method: DescMethod, deps: MethodDeps) => {
  const validate = (message: AnyMessage): AnyMessage => {
    deps.validate(method.input, message);
    return message;
  };
  const streams = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  return (input: unknown): AnyMessage => {
    if (!streams) return validate(input as AnyMessage);
    return admitted(input as AsyncIterable<AnyMessage>, validate, method) as unknown as AnyMessage;
  };
};

async function* admitted(
  messages: AsyncIterable<AnyMessage>,
  validate: (message: AnyMessage) => AnyMessage,
  method: DescMethod,
) {
  try {
    for await (const message of messages) yield validate(message);
  } catch (error) {
    // A frame that is no message ends the stream here, within the handler's loop, and must not pass for its own error.
    throw error instanceof ConnectError ? describeDecodeError(error, method) : error;
  }
}

/** The handler sees the end that is in force, which may be nearer than the caller's. */
const bounded = (context: HandlerContext, signal: AbortSignal): HandlerContext =>
  Object.create(context, { signal: { value: signal, enumerable: true } });

/** Metadata that follows a request through the mesh. */
const forwardedFrom = (received: Headers): Headers => {
  const authorization = received.get("authorization");
  return new Headers(authorization === null ? {} : { authorization });
};

const recordedReply = (method: DescMethod, replay: Replay, recorded: RecordedReply): AnyMessage => {
  if (!isSameRequest(replay.requestHash, recorded.requestHash)) throw requestIdReused(method, replay.requestId);
  return fromBinary(method.output, recorded.reply);
};
