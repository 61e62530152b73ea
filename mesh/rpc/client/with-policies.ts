import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError, Transport } from "@connectrpc/connect";
import { CircuitBreaker } from "../../policy/circuit-breaker.ts";
import { RetryBudget } from "../../policy/retry-budget.ts";
import type { Runtime } from "../../runtime/index.ts";
import { callOften } from "./often-call.ts";
import { replayable } from "./one-request.ts";
import { PolicedMethod, Target } from "./policed-method.ts";

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
    const target =
      targets.get(typeName) ??
      new Target(clock, budget ?? new RetryBudget(), holdsBack ? new CircuitBreaker(random) : undefined);
    targets.set(typeName, target);
    const policed = new PolicedMethod(method, target, { runtime, isFinal });
    methods.set(method, policed);
    return policed;
  };

  return {
    unary(method, signal, timeoutMs = defaultTimeoutMs, header, input, values) {
      const policed = methods.get(method) ?? compile(method);
      const refusal = policed.enter();
      if (refusal !== undefined) return Promise.reject(refusal);
      if (!policed.mayRepeat(input)) {
        return transport.unary(method, signal, timeoutMs, header, input, values).catch(policed.onFinal);
      }
      return callOften(
        {
          policed,
          clock,
          timers,
          startMs: timeoutMs === undefined || timeoutMs <= 0 ? undefined : clock.monotonicMs(),
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
      const refusal = policed.enter();
      if (refusal !== undefined) return Promise.reject(refusal);
      if (policed.repeats !== "every call") {
        return transport.stream(method, signal, timeoutMs, header, input, values).catch(policed.onFinal);
      }
      const requests = replayable(input);
      return callOften(
        {
          policed,
          clock,
          timers,
          startMs: timeoutMs === undefined || timeoutMs <= 0 ? undefined : clock.monotonicMs(),
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
