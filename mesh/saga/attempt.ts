import { fail } from "../contract/fail.ts";
import { continueTrace, traceIdOf } from "../observe/index.ts";
import { backgroundCall, runInCall } from "../rpc/call.ts";
import type { Runtime, Timers } from "../runtime/index.ts";
import type { ActionContext, SagaDefinition } from "./define-saga.ts";
import { ATTEMPT_TIMEOUT } from "./errors.ts";
import { ATTEMPT_MS } from "./limits.ts";
import type { SagaRecord } from "./saga-record.ts";
import { stepIdOf } from "./step-id.ts";

/** The trace context of the next thing that is done for a saga. */
export const nextTrace = ({ traceparent }: SagaRecord, { random }: Pick<Runtime, "random">) => {
  const trace = continueTrace(traceparent, random);
  return { trace, traceId: traceIdOf(trace) };
};

/**
 * Runs one attempt at an action or a compensation, shielded from whatever call has started the saga: it has a deadline of its own,
 * and no caller can cancel it. Rejects when its time is over or `stop` aborts, whatever became of it.
 */
export const attempt = <T>(
  saga: SagaRecord,
  index: number,
  definition: SagaDefinition,
  work: (context: ActionContext<object>) => Promise<T>,
  { trace, stop, clock, timers }: Pick<Runtime, "clock" | "timers"> & { trace: string; stop: AbortSignal },
): Promise<T> => {
  const { id: sagaId, key, state } = saga;
  const step = definition.steps[index];
  const stepName = step?.name ?? "";
  // Late is when the saga turns round; what may not be given up is not late.
  const leftMs =
    saga.direction === "on" && step?.onFailure !== "park" ? saga.deadlineMs - clock.nowMs() : Number.POSITIVE_INFINITY;
  const timeoutMs = Math.max(1, Math.min(step?.timeoutMs ?? ATTEMPT_MS, leftMs));
  const context = { sagaId, key, state, stepId: stepIdOf(sagaId, stepName), options: { timeoutMs, signal: stop } };
  // What has begun must be undone, however much there is to do.
  const isCritical = saga.direction !== "on";
  const late = () => fail(ATTEMPT_TIMEOUT, { step: stepName, timeoutMs });
  return within(
    runInCall(backgroundCall(trace, { isCritical }), async () => work(context)),
    { timeoutMs, timers, stop, late },
  );
};

const within = <T>(
  work: Promise<T>,
  { timeoutMs, timers, stop, late }: { timeoutMs: number; timers: Timers; stop: AbortSignal; late: () => Error },
): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = timers.after(timeoutMs, () => settle(() => reject(late())));
    const stopped = () => settle(() => reject(stop.reason));
    const settle = (how: () => void) => {
      timer.cancel();
      stop.removeEventListener("abort", stopped);
      how();
    };
    stop.addEventListener("abort", stopped, { once: true });
    if (stop.aborted) stopped();
    work.then(
      (result) => settle(() => resolve(result)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
