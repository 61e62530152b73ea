import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { OverviewSource, SourceState, type SourceStatusSchema } from "@heddle/contracts/overview/v1";
import { toRpcError } from "@heddle/mesh/contract";
import { type Logger, traceIdOf } from "@heddle/mesh/observe";
import { currentCall } from "@heddle/mesh/rpc";
import type { Clock, Ids } from "@heddle/mesh/runtime";

/** What a source said: its part of the overview, or why there is none. Never a rejection. */
export interface Answer<P> {
  readonly part: P | undefined;
  readonly status: MessageInitShape<typeof SourceStatusSchema> & { readonly state: SourceState };
}

export interface Question {
  readonly source: OverviewSource;
  /** The reason of the NOT_FOUND by which the source says that it has nothing of the customer; absent when it has no such answer. */
  readonly missingReason?: string;
}

/** Asks one source, within the budget that all share. */
export type Ask = <P>(question: Question, call: (options: CallOptions) => Promise<P>) => Promise<Answer<P>>;

/** A glance does not wait longer than this for a source, in milliseconds, however much time its caller has. */
const SOURCE_WAIT_MS_MAX = 2_000;

/** The part of the caller's time that sources get; the rest is for putting the answers together and on their way. */
const SOURCE_SHARE = 0.8;

/** Begins a round of questions: all end at one time, before the call does, or when `stop` is called. */
export const asking = ({
  clock,
  ids,
  log,
}: {
  clock: Clock;
  ids: Ids;
  log: Logger;
}): { ask: Ask; stop: () => void } => {
  const stopped = new AbortController();
  const call = currentCall();
  const leftMs = (call?.deadlineMs ?? Number.POSITIVE_INFINITY) - clock.monotonicMs();
  const timeoutMs = Math.max(1, Math.min(SOURCE_WAIT_MS_MAX, Math.floor(leftMs * SOURCE_SHARE)));
  const options: CallOptions = { timeoutMs, signal: stopped.signal };

  const ask: Ask = async ({ source, missingReason }, question) => {
    try {
      const part = await question(options);
      return { part, status: { source, state: SourceState.OK, readTime: clock.now() } };
    } catch (thrown) {
      const { error } = toRpcError(thrown, { ids, domain: "overview.v1" });
      const reason = error.findDetails(ErrorInfoSchema)[0]?.reason ?? "";
      if (error.code === Code.NotFound && reason === missingReason) {
        return { part: undefined, status: { source, state: SourceState.MISSING, reason, readTime: clock.now() } };
      }
      if (!stopped.signal.aborted) {
        const traceId = call && traceIdOf(call.traceparent);
        log.warn(
          { source: OverviewSource[source], code: Code[error.code], reason, traceId, err: described(thrown) },
          "source left out",
        );
      }
      return { part: undefined, status: { source, state: SourceState.UNAVAILABLE, reason } };
    }
  };
  return { ask, stop: () => stopped.abort() };
};

/** What the log keeps of a failure: an error of another service by its words, one of ours with its stack. */
const described = (thrown: unknown): unknown => (thrown instanceof ConnectError ? thrown.message : thrown);
