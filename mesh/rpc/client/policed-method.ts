import type { DescMethod } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "@heddle/contracts/google/rpc";
import { commonReasons } from "../../contract/common-reasons.ts";
import { fail } from "../../contract/fail.ts";
import type { HedgeOptions } from "../../contract/options.ts";
import type { CircuitBreaker } from "../../policy/circuit-breaker.ts";
import { mayRepeat, methodPolicy, type Repeats } from "../../policy/method-policy.ts";
import { decideRetry, PUSHBACK, type RetryDecision, readPushback } from "../../policy/retry.ts";
import type { RetryBudget } from "../../policy/retry-budget.ts";
import type { Clock, Runtime } from "../../runtime/index.ts";
import { currentCall } from "../call.ts";
import type { Attempt } from "./attempt.ts";
import { AcquireError } from "./connection-pool.ts";
import { SlowCalls } from "./slow-calls.ts";

/** Calls that are counted at once while nothing fails: the price of asking for the time. */
const COUNTED_AT_ONCE = 16;

/** What is kept of a service for the calls of all its methods. */
export class Target {
  readonly budget: RetryBudget;
  readonly #breaker: CircuitBreaker | undefined;
  readonly #clock: Clock;
  /** Calls that budget and breaker have yet to hear of. */
  #uncounted = 0;
  /** Nothing has failed lately: nothing can be held back. */
  #isCalm = true;

  /** `breaker`: undefined: nothing is held back. */
  constructor(clock: Clock, budget: RetryBudget, breaker: CircuitBreaker | undefined) {
    this.#clock = clock;
    this.budget = budget;
    this.#breaker = breaker;
  }

  /** Counts a call in; false when it is held back. */
  enter(): boolean {
    if (!this.#isCalm) {
      const nowMs = this.catchUp();
      if (this.#breaker?.enter(nowMs) === false) return false;
      this.budget.called(nowMs);
      return true;
    }
    this.#uncounted += 1;
    if (this.#uncounted >= COUNTED_AT_ONCE) this.catchUp();
    return true;
  }

  /** Counts everything that was not; returns `Clock.monotonicMs`. */
  catchUp(): number {
    const nowMs = this.#clock.monotonicMs();
    const calls = this.#uncounted;
    this.#uncounted = 0;
    if (calls > 0) {
      this.budget.called(nowMs, calls);
      this.#breaker?.sent(nowMs, calls);
    }
    this.#isCalm = this.#breaker === undefined || this.#breaker.isCalm(nowMs);
    return nowMs;
  }

  /** A call, or one of its attempts, has failed by the target's fault. */
  failed(nowMs: number): void {
    this.#breaker?.failed(nowMs);
    this.#isCalm = this.#breaker === undefined;
  }

  /** A call is sent once more. */
  sentAgain(nowMs: number): void {
    this.#breaker?.sent(nowMs);
  }
}

/** How far a call has come when one of its attempts fails. */
export interface Progress {
  readonly mayRepeat: boolean;
  /** Times that it was sent. */
  readonly attempts: number;
  /** `Clock.monotonicMs` of its first attempt; undefined where it has no timeout of its own. */
  readonly startMs: number | undefined;
  /** Milliseconds that its caller gives it; none where that is undefined, or 0 or less. */
  readonly timeoutMs: number | undefined;
}

/** A method with what its contract and its target allow, put together once. */
export class PolicedMethod {
  readonly method: DescMethod;
  readonly target: Target;
  readonly repeats: Repeats;
  readonly hedge: HedgeOptions | undefined;
  /** Those that are to be hedged, where the method is. */
  readonly slowCalls: SlowCalls | undefined;
  /** Times that a call is sent at most. */
  readonly attemptsMax: number;
  readonly #runtime: Pick<Runtime, "clock" | "random">;
  readonly #isFinal: (error: ConnectError) => boolean;

  /** `isFinal`: errors that are not tried again whatever their code. */
  constructor(
    method: DescMethod,
    target: Target,
    {
      runtime,
      isFinal,
    }: { runtime: Pick<Runtime, "clock" | "timers" | "random">; isFinal: (error: ConnectError) => boolean },
  ) {
    const policy = methodPolicy(method);
    this.method = method;
    this.target = target;
    this.repeats = policy.repeats.value;
    this.hedge = policy.hedge.value;
    this.slowCalls = this.hedge && new SlowCalls(runtime.timers, this.hedge.delayMs);
    this.attemptsMax = policy.attemptsMax.value;
    this.#runtime = runtime;
    this.#isFinal = isFinal;
  }

  mayRepeat(request: object): boolean {
    return mayRepeat(this.method, this.repeats, request);
  }

  /** Counts a call in, and returns why it is not sent, where it is not: the target fails nearly all calls. */
  enter(): ConnectError | undefined {
    return this.target.enter() ? undefined : this.#heldBack();
  }

  /** What becomes of a call whose attempt has failed. Says to the call that is being served when nobody is to try again. */
  judge(thrown: unknown, attempt: Pick<Attempt, "isAnswered">, progress: Progress): RetryDecision {
    const error = ConnectError.from(thrown);
    const nowMs = this.target.catchUp();
    const pushbackMs = readPushback(error.metadata.get(PUSHBACK));
    if (isTargetsFault(error, pushbackMs)) this.target.failed(nowMs);
    const decision = decideRetry(
      {
        code: error.code,
        pushbackMs,
        retryDelayMs: retryDelayOf(error),
        isAnswered: attempt.isAnswered === true,
      },
      {
        mayRepeat: progress.mayRepeat && !this.#isFinal(error),
        attempts: progress.attempts,
        attemptsMax: this.attemptsMax,
        leftMs: this.#deadlineOf(progress) - nowMs,
        nowMs,
        budget: this.target.budget,
        random: this.#runtime.random,
      },
    );
    if (decision.again) this.target.sentAgain(nowMs);
    else if (decision.isExhausted) tellServedCall();
    return decision;
  }

  /** Rethrows what a call has failed with that is not sent again. */
  readonly onFinal = (error: unknown): never => {
    this.judge(error, NO_ATTEMPT, { mayRepeat: false, attempts: 1, startMs: undefined, timeoutMs: undefined });
    throw error;
  };

  /** Takes a copy of a call that is slow out of the budget; false when there is none to be had. */
  takeCopy(attempts: number): boolean {
    const nowMs = this.target.catchUp();
    const attemptsMax = this.hedge?.attemptsMax ?? 0;
    if (attempts >= attemptsMax || !this.target.budget.take(nowMs)) return false;
    this.target.sentAgain(nowMs);
    return true;
  }

  /** `Clock.monotonicMs` at which a call is over: by its own timeout, or with the call it is made for. */
  #deadlineOf({ startMs, timeoutMs }: Progress): number {
    const ownMs = startMs === undefined || timeoutMs === undefined ? Number.POSITIVE_INFINITY : startMs + timeoutMs;
    return Math.min(ownMs, currentCall()?.deadlineMs ?? Number.POSITIVE_INFINITY);
  }

  #heldBack(): ConnectError {
    tellServedCall();
    const { typeName, file } = this.method.parent;
    const reason = commonReasons(file.proto.package).CIRCUIT_OPEN;
    return fail(reason, { service: typeName }, { retryDelayMs: HELD_BACK_RETRY_MS });
  }
}

const NO_ATTEMPT = { isAnswered: false };

/** Milliseconds after which a caller of a target that fails may try again: the share that is held back follows within seconds. */
const HELD_BACK_RETRY_MS = 1_000;

/** What failed below was tried often enough: who called us must not begin anew, or tries would multiply over the hops. */
const tellServedCall = (): void => {
  const call = currentCall();
  if (call !== undefined) call.isExhausted = true;
};

/**
 * True for failures that speak against the target itself: not those of one that it has called, nor calls that were never sent.
 * RESOURCE_EXHAUSTED is not among them: the target is well, and says so at little cost, or the caller is over its own rate.
 */
const isTargetsFault = (error: ConnectError, pushbackMs: number | undefined): boolean => {
  switch (error.code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
      return (pushbackMs === undefined || pushbackMs >= 0) && !(error.cause instanceof AcquireError);
    default:
      return false;
  }
};

const retryDelayOf = (error: ConnectError): number | undefined => {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay === undefined ? undefined : durationMs(delay);
};
