import type { DescMethod } from "@bufbuild/protobuf";
import { Code, type HandlerContext, type MethodImpl } from "@connectrpc/connect";
import { answerKey } from "./answer.ts";
import { runInCall } from "./call.ts";
import type { CompiledMethod } from "./compile-method.ts";
import { peerKey } from "./peer.ts";
import { ConnectCall } from "./served-call.ts";
import { untilAborted } from "./until-aborted.ts";

/** A compiled method as Connect's router takes it. */
export const serveConnect = (compiled: CompiledMethod): MethodImpl<DescMethod> =>
  (compiled.streamsReplies ? serveMany(compiled) : serveOne(compiled)) as unknown as MethodImpl<DescMethod>;

const open = (compiled: CompiledMethod, context: HandlerContext): ConnectCall => {
  const call = new ConnectCall(compiled, context, context.values.get(peerKey));
  const answer = context.values.get(answerKey);
  if (answer !== undefined) answer.unsent = (error) => call.unsent(error);
  if (call.deadlineMs !== undefined && call.deadlineMs <= call.startMs) throw call.fail(compiled.late());
  compiled.deps.watch.enter(call);
  const stop = () => call.abort(context.signal.reason);
  if (context.signal.aborted) stop();
  else context.signal.addEventListener("abort", stop, { once: true });
  return call;
};

const serveOne = (compiled: CompiledMethod) => async (request: unknown, context: HandlerContext) => {
  const call = open(compiled, context);
  try {
    const { signal } = call;
    const reply = await untilAborted(compiled.runOne(request, call), signal);
    call.end(0);
    return reply;
  } catch (error) {
    throw call.fail(error);
  }
};

const serveMany = (compiled: CompiledMethod) =>
  async function* (request: unknown, context: HandlerContext) {
    const call = open(compiled, context);
    const { signal } = call;
    let replies: ReturnType<CompiledMethod["runMany"]> | undefined;
    // Within its call, so that a handler's cleanup has its trace. How that ends is of no interest to a call that has ended.
    const endHandler = () => void Promise.try(() => runInCall(call, () => replies?.return?.())).catch(() => undefined);
    // A caller that is gone asks for no further reply, so that the handler would wait at its yield for ever.
    const giveUp = () => {
      call.fail(signal.reason);
      endHandler();
    };
    try {
      replies = compiled.runMany(request, call);
      const step = replies.next.bind(replies);
      signal.addEventListener("abort", giveUp, { once: true });
      for (;;) {
        const next = await runInCall(call, () => untilAborted(step(), signal));
        if (next.done === true) break;
        yield next.value;
      }
      call.end(0);
    } catch (error) {
      throw call.fail(error);
    } finally {
      signal.removeEventListener("abort", giveUp);
      // Reached too when the caller stops reading.
      call.end(Code.Canceled);
      endHandler();
    }
  };
