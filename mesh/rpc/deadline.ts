import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock, Timers } from "../runtime/index.ts";

/** A point in time at which work stops, and the signal that says so. */
export interface Deadline {
  /** `Clock.monotonicMs` of the end. */
  readonly atMs: number;
  readonly signal: AbortSignal;
  /** Ends the wait when the work is done; what was left running for it ends by the signal. */
  clear(): void;
}

/**
 * A deadline `timeoutMs` from now that also ends when `parent` aborts. When it passes, the signal aborts with what `late`
 * returns: the error to answer with.
 */
export const startDeadline = (
  timeoutMs: number,
  late: () => ConnectError,
  parent: AbortSignal,
  { clock, timers }: { clock: Clock; timers: Timers },
): Deadline => {
  const controller = new AbortController();
  const stop = () => controller.abort(parent.reason ?? new ConnectError("The caller went away.", Code.Canceled));
  const timer = timers.after(timeoutMs, () => controller.abort(late()));
  if (parent.aborted) stop();
  else parent.addEventListener("abort", stop, { once: true });
  return {
    atMs: clock.monotonicMs() + timeoutMs,
    signal: controller.signal,
    clear() {
      timer.cancel();
      parent.removeEventListener("abort", stop);
      controller.abort(DONE);
    },
  };
};

const DONE = new ConnectError("The call that this was for has ended.", Code.Canceled);

/** Settles as `work` does, unless the signal aborts first: then it rejects with the signal's reason. */
export const untilAborted = <T>(work: Promise<T> | T, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", stop));
  });
