import type { ConnectError } from "@connectrpc/connect";
import type { Timer, Timers } from "../../runtime/index.ts";
import { abortError, deadlineError } from "./call-errors.ts";

/** What may end a call before its answer. */
export interface CallScope {
  /** Milliseconds from now, or undefined for none. */
  readonly timeoutMs: number | undefined;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** The call that this one is made for. */
  readonly outer: OuterCall | undefined;
}

/** A call that others are made for, and end with. */
export interface OuterCall {
  /** True when it has ended. */
  readonly aborted: boolean;
  /** Calls `listener` when it ends, at once when it has; the returned function takes it back. */
  onEnd(listener: (reason: unknown) => void): () => void;
}

/** Calls `interrupt` once when the time is over or a signal aborts; the function that it returns puts an end to that. */
export const watchCall = (
  { timeoutMs, signal, outer }: CallScope,
  timers: Timers,
  interrupt: (error: ConnectError) => void,
): (() => void) => {
  const onAbort = () => interrupt(abortError(signal?.reason));
  let timer: Timer | undefined;
  if (timeoutMs !== undefined) timer = timers.after(timeoutMs, () => interrupt(deadlineError()));
  signal?.addEventListener("abort", onAbort);
  const leaveOuter = outer?.onEnd((reason) => interrupt(abortError(reason)));
  return () => {
    timer?.cancel();
    signal?.removeEventListener("abort", onAbort);
    leaveOuter?.();
  };
};

/** The error of a call that is over before it begins, if it is. */
export const overAlready = ({ signal, outer }: CallScope): ConnectError | undefined => {
  if (signal?.aborted) return abortError(signal.reason);
  if (!outer?.aborted) return undefined;
  let error: ConnectError | undefined;
  outer.onEnd((reason) => {
    error = abortError(reason);
  });
  return error;
};
