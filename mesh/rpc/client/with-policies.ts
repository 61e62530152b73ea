import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError, ContextValues, Transport } from "@connectrpc/connect";
import { CircuitBreaker } from "../../policy/circuit-breaker.ts";
import { PREVIOUS_ATTEMPTS } from "../../policy/retry.ts";
import { RetryBudget } from "../../policy/retry-budget.ts";
import type { Runtime } from "../../runtime/index.ts";
import { AttemptValues } from "./attempt-values.ts";
import { abortError } from "./call-errors.ts";
import { callHedged } from "./hedged-call.ts";
import { replayable } from "./one-request.ts";
import { PolicedMethod, type Target } from "./policed-method.ts";
import type { HeaderInit } from "./request-fields.ts";

export interface PolicyOptions {
  /** Milliseconds that the transport gives a call which sets no timeout itself, in all; undefined: no limit. */
  readonly defaultTimeoutMs?: number | undefined;
  /** For all services of the transport, shared with others who call them. Default: one for each service. */
  readonly budget?: RetryBudget;
  /** Whether calls to a service that fails most of them are held back. Default: true. */
  readonly holdsBack?: boolean;
  /** Errors that are not tried again whatever their code. Default: none. */
  readonly isFinal?: (error: ConnectError) => boolean;
}

/**
 * The transport with what contracts allow: calls that may take effect twice are sent again when they fail in passing, slow ones
 * hedged where the contract says so, both within a budget for each service, and a share of the calls to a service that fails most
 * of them is held back (UNAVAILABLE `CIRCUIT_OPEN`). That goes for unary calls, and for streams of replies until the response begins.
 *
 * An error that is not worth another try leaves its mark on the call that is being served: its caller is told
 * `grpc-retry-pushback-ms: -1`, so that tries do not multiply over the hops. Heddle's own transports give up an attempt when another
 * has won; others let it end by itself.
 */
export const withPolicies = (
  transport: Transport,
  runtime: Pick<Runtime, "clock" | "timers" | "random">,
  { defaultTimeoutMs, budget, holdsBack = true, isFinal = () => false }: PolicyOptions = {},
): Transport => {
  const { clock, timers, random } = runtime;
  const methods = new WeakMap<DescMethod, PolicedMethod>();
  const targets = new Map<string, Target>();
  const compile = (method: DescMethod): PolicedMethod => {
    const { typeName } = method.parent;
    const target = targets.get(typeName) ?? {
      budget: budget ?? new RetryBudget(),
      breaker: holdsBack ? new CircuitBreaker(random) : undefined,
    };
    targets.set(typeName, target);
    const policed = new PolicedMethod(method, target, { runtime, isFinal });
    methods.set(method, policed);
    return policed;
  };

  /** Sends a call as often as it is worth it, and rejects as its last attempt has. */
  const sendOften = async <T>(call: SentCall<T>, thrown: unknown, first: AttemptValues): Promise<T> => {
    const { policed, startMs, timeoutMs, signal } = call;
    let error = thrown;
    let attempt = first;
    for (let attempts = 1; ; attempts++) {
      const decision = policed.judge(error, attempt, { mayRepeat: true, attempts, startMs, timeoutMs });
      if (!decision.again) throw error;
      await timers.sleep(decision.afterMs, signal).catch((reason: unknown) => Promise.reject(abortError(reason)));
      attempt = attempt.next();
      try {
        return await send(call, attempt, attempts);
      } catch (failed) {
        error = failed;
      }
    }
  };

  /** Sends a call one time; `before`: how often it was sent. */
  const send = <T>({ startMs, timeoutMs, header, once }: SentCall<T>, attempt: AttemptValues, before: number) => {
    if (before === 0) return once(timeoutMs, header, attempt);
    const isBounded = timeoutMs !== undefined && timeoutMs > 0;
    const leftMs = isBounded ? Math.max(1, startMs + timeoutMs - clock.monotonicMs()) : timeoutMs;
    return once(leftMs, withPrevious(header, before), attempt);
  };

  const begin = <T>(call: SentCall<T>, values: ContextValues | undefined): Promise<T> => {
    const { policed, timeoutMs, header, once } = call;
    const first = new AttemptValues(values);
    if (policed.hedge !== undefined)
      return callHedged({ ...call, timers, send: (...how) => send(call, ...how) }, first);
    return once(timeoutMs, header, first).catch((error: unknown) => sendOften(call, error, first));
  };

  return {
    unary(method, signal, timeoutMs = defaultTimeoutMs, header, input, values) {
      const policed = methods.get(method) ?? compile(method);
      const startMs = clock.monotonicMs();
      const refusal = policed.enter(startMs);
      if (refusal !== undefined) return Promise.reject(refusal);
      if (!policed.mayRepeat(input)) {
        return transport.unary(method, signal, timeoutMs, header, input, values).catch(policed.onFinal);
      }
      return begin(
        {
          policed,
          startMs,
          signal,
          timeoutMs,
          header,
          once: (ms, head, context) => transport.unary(method, signal, ms, head, input, context),
        },
        values,
      );
    },
    stream(method, signal, timeoutMs = defaultTimeoutMs, header, input, values) {
      const policed = methods.get(method) ?? compile(method);
      const startMs = clock.monotonicMs();
      const refusal = policed.enter(startMs);
      if (refusal !== undefined) return Promise.reject(refusal);
      if (policed.repeats !== "every call") {
        return transport.stream(method, signal, timeoutMs, header, input, values).catch(policed.onFinal);
      }
      const requests = replayable(input);
      return begin(
        {
          policed,
          startMs,
          signal,
          timeoutMs,
          header,
          once: (ms, head, context) => transport.stream(method, signal, ms, head, requests, context),
        },
        values,
      );
    },
  };
};

/** A call that may be sent several times. */
interface SentCall<T> {
  readonly policed: PolicedMethod;
  /** `Clock.monotonicMs`. */
  readonly startMs: number;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds that the caller gives it; none where that is undefined, or 0 or less. */
  readonly timeoutMs: number | undefined;
  readonly header: HeaderInit;
  /** Sends it one time. */
  once(timeoutMs: number | undefined, header: HeaderInit, values: ContextValues): Promise<T>;
}

const withPrevious = (header: HeaderInit, before: number): Headers => {
  const headers = new Headers(header);
  headers.set(PREVIOUS_ATTEMPTS, String(before));
  return headers;
};
