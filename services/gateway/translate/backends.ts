import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, createContextValues, type Transport } from "@connectrpc/connect";
import { fail, methodPath } from "@heddle/mesh/contract";
import { continueTrace, TRACEPARENT } from "@heddle/mesh/observe";
import { attemptKey, SERVICE_HEADER, transportOn, withPolicies } from "@heddle/mesh/rpc";
import type { Runtime } from "@heddle/mesh/runtime";
import type { HeaderList } from "@heddle/mesh/wire";
import type { RequestSampler } from "../edge/edge.ts";
import { RELAY_LOOP } from "../errors.ts";
import type { Mirrors } from "../mirror/mirrors.ts";
import type { Instances } from "../registry/instances.ts";
import { type ForwardedMetadata, forwardedMetadata } from "../relay/forwarded-headers.ts";
import { type Guarded, HangGuard } from "../relay/hang-guard.ts";
import type { Upstreams } from "../relay/upstreams.ts";
import { planOf } from "../routing/call-plan.ts";
import type { MethodRoute } from "../routing/method-route.ts";
import type { MethodRoutes } from "../routing/method-routes.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { showRequest } from "../usage/show-request.ts";
import { backendError } from "./backend-error.ts";
import { InstancePool } from "./instance-pool.ts";

/** The request that a call is made for. */
export interface BackendCall {
  readonly headers: HeaderList;
  /** The caller's `host:port`. */
  readonly peer: string;
}

/** Calls methods by messages, for doors that speak anything but gRPC. */
export interface Backends {
  /**
   * A transport for the calls of one method on behalf of one request: to an instance of the service that
   * the request's `heddle-service` names, or to the gateway itself. It forwards the request's metadata, trace and origin; fields
   * that a call gives itself replace them. The contract's deadline holds where a call sets none, and is never exceeded.
   *
   * Errors from the instance come as it sent them; all others carry their reason, as those of services do. The edge is not asked.
   */
  transportFor(method: DescMethod, call: BackendCall): Transport;
}

export interface BackendsOptions {
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  readonly instances: Pick<Instances, "owners">;
  readonly routes: MethodRoutes;
  readonly upstreams: Upstreams;
  readonly traffic: Traffic;
  readonly mirrors: Pick<Mirrors, "transport">;
  /** What the gateway serves itself. */
  readonly own: { isOwn(service: string): boolean; readonly transport: Transport };
  /** This gateway's own. */
  readonly instanceId: string;
}

export const createBackends = (options: BackendsOptions): Backends => {
  const { runtime, instances, routes, upstreams, traffic, mirrors, own, instanceId } = options;
  /** By method, and by the owner that was asked for; compiled once, and gone with the contract. */
  const transports = new WeakMap<DescMethod, Map<string, Ways>>();

  const waysTo = (method: DescMethod, owner: string | undefined): Ways => {
    const service = method.parent.typeName;
    if (own.isOwn(service)) return { often: own.transport, once: own.transport };
    const known = transports.get(method) ?? new Map<string, Ways>();
    transports.set(method, known);
    const key = owner ?? "";
    const compiled = known.get(key);
    if (compiled !== undefined) return compiled;
    const path = methodPath(method);
    const pool = new InstancePool(
      { upstreams, routes, clock: runtime.clock },
      { path, service, owner, isUnary: method.methodKind === "unary" },
    );
    const once = transportOn(pool, TARGET, runtime, { acceptGzip: false });
    const often = withPolicies(once, runtime, {
      budget: routes.budgetOf(service),
      // One caller could shut out the others.
      holdsBack: false,
      isFinal: isOurs,
    });
    const made = { often, once };
    // Callers choose the name: only those that exist are kept.
    if (owner === undefined || instances.owners(service).includes(owner)) known.set(key, made);
    return made;
  };

  const guard = new HangGuard(runtime.timers);

  return {
    transportFor(method, { headers, peer }) {
      const owner = headers.get(SERVICE_HEADER);
      const service = method.parent.typeName;
      const forwarded = forwardedMetadata(headers, peer, instanceId);
      const route = routes.at(methodPath(method), owner);
      if (forwarded.isLoop) {
        return failing(() => fail(RELAY_LOOP, { service, address: route?.pick()?.endpoint.address ?? "the address" }));
      }
      const plan = planOf(headers);
      const rules = route && traffic.of(plan, route, headers);
      const { often, once } = waysTo(method, owner);
      const shared = { forwarded, route, runtime, guard };
      const version = rules?.version();
      const primary = onBehalf(often, { ...shared, version, sampler: plan.passage?.sampler });
      const to = rules?.mirror();
      if (to === undefined || to.version === version) return primary;
      const copies = onBehalf(once, { ...shared, version: to.version, sampler: undefined });
      return mirrors.transport(primary, copies, to);
    },
  };
};

/** The ways to the instances of a method. */
interface Ways {
  /** Calls that fail are sent again where their contract allows it. */
  readonly often: Transport;
  /** Each call is sent once, and no budget knows of it: copies take nothing from those who wait for an answer. */
  readonly once: Transport;
}

/** Raised on the way to an instance, where others have been looked for. */
const isOurs = (error: ConnectError): boolean => !error.isWireError && error.details.length > 0;

/** Instances are named by their addresses, which callers do not know. */
const TARGET = { scheme: "http", authority: "heddle", basePath: "" };

const failing = (error: () => Error): Transport => ({
  unary: () => Promise.reject(error()),
  stream: () => Promise.reject(error()),
});

type Header = Parameters<Transport["unary"]>[3];

/** The transport with each call carrying what came with a request, within the contract's deadline. */
const onBehalf = (
  transport: Transport,
  {
    forwarded,
    route,
    version,
    runtime,
    guard,
    sampler,
  }: {
    forwarded: ForwardedMetadata;
    /** Undefined for what the gateway serves itself. */
    route: MethodRoute | undefined;
    /** The version that the call goes to; undefined: any. */
    version: string | undefined;
    runtime: Pick<Runtime, "random">;
    guard: HangGuard;
    /** What the request is shown to; undefined: nobody asks. */
    sampler: RequestSampler | undefined;
  },
): Transport => {
  const headerWith = (header: Header): [string, string][] => {
    const own = new Headers(header);
    const fields: [string, string][] = [...own];
    for (let index = 0; index < forwarded.fields.length; index += 2) {
      const name = forwarded.fields[index] as string;
      if (!own.has(name)) fields.push([name, forwarded.fields[index + 1] as string]);
    }
    if (!own.has(TRACEPARENT)) fields.push([TRACEPARENT, continueTrace(forwarded.traceparent, runtime.random)]);
    return fields;
  };
  const valuesWith = (values: ContextValues | undefined): ContextValues | undefined =>
    version === undefined ? values : (values ?? createContextValues()).set(attemptKey, { tried: [], version });
  const { declaredMs, capMs } = route ?? {};
  const within = (timeoutMs: number | undefined): number | undefined =>
    declaredMs === undefined ? timeoutMs : Math.min(timeoutMs ?? declaredMs, declaredMs);
  return {
    async unary(method, signal, timeoutMs, header, input, values) {
      if (sampler !== undefined) showRequest(sampler, method, input);
      const leftMs = within(timeoutMs);
      // What nobody has set a deadline for is bounded here, and told to no instance as the caller's wish.
      const bound = leftMs === undefined && capMs !== undefined ? new Bound(guard, capMs) : undefined;
      try {
        const ends = bound === undefined ? signal : bound.with(signal);
        return await transport.unary(method, ends, leftMs, headerWith(header), input, valuesWith(values));
      } catch (error) {
        throw backendError(error, method, signal);
      } finally {
        bound?.lift();
      }
    },
    async stream(method, signal, timeoutMs, header, input, values) {
      const explain = (error: unknown) => backendError(error, method, signal);
      try {
        const [leftMs, headers] = [within(timeoutMs), headerWith(header)];
        const response = await transport.stream(method, signal, leftMs, headers, input, valuesWith(values));
        const { service: parent, header: head } = response;
        return {
          stream: true,
          service: parent,
          method,
          header: head,
          message: explained(response.message, explain),
          // Filled when the messages have ended.
          get trailer() {
            return response.trailer;
          },
        };
      } catch (error) {
        throw explain(error);
      }
    },
  };
};

/** Ends a call that takes too long. */
class Bound implements Guarded {
  guard: Guarded["guard"] = undefined;
  readonly #guard: HangGuard;
  readonly #controller = new AbortController();

  constructor(guard: HangGuard, timeoutMs: number) {
    this.#guard = guard;
    guard.watch(this, timeoutMs);
  }

  with(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#controller.signal : AbortSignal.any([signal, this.#controller.signal]);
  }

  expire(): void {
    this.#controller.abort(new ConnectError("the operation timed out", Code.DeadlineExceeded));
  }

  lift(): void {
    this.#guard.forget(this);
  }
}

/** The same messages; no generator, which would not let go of messages that nobody has begun to take. */
const explained = <T>(messages: AsyncIterable<T>, explain: (error: unknown) => Error): AsyncIterable<T> => ({
  [Symbol.asyncIterator]() {
    const iterator = messages[Symbol.asyncIterator]();
    return {
      next: () =>
        iterator.next().catch((error: unknown) => {
          throw explain(error);
        }),
      return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    };
  },
});
