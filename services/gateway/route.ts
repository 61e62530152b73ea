import type { ConnectError } from "@connectrpc/connect";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { fail } from "@heddle/mesh/contract";
import { type HttpHandler, pathOf, respondError, respondUnknownMethod } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import type { HeaderList } from "@heddle/mesh/wire";
import { type CallPlan, planOf } from "./call-plan.ts";
import type { Contracts } from "./contracts.ts";
import { INSTANCE_UNREACHABLE, SERVICE_UNAVAILABLE } from "./errors.ts";
import type { Instances } from "./instances.ts";
import { type MethodRoute, methodRoute } from "./method-route.ts";
import type { Relay, Route } from "./relay.ts";

/** Milliseconds after which a caller may find the service back: a supervisor restarts faster. */
const RETRY_DELAY_MS = 500;
/** Milliseconds that an instance gets beyond the deadline, so that it is the one to answer: its error says more. */
const DEADLINE_GRACE_MS = 500;

/** Sends each call to an instance of its service, by the path alone. */
export const routeCalls = (deps: {
  instances: Instances;
  contracts: Contracts;
  relay: Relay;
  timers: Timers;
  /** Paths of what the gateway serves itself, for suggestions. */
  ownPaths: readonly string[];
}): HttpHandler => {
  const { instances, contracts, relay, timers } = deps;
  const methods = new Map<string, MethodRoute>();
  let methodsVersion = -1;

  const methodAt = (path: string): MethodRoute | undefined => {
    const version = contracts.version();
    if (methodsVersion !== version) {
      methods.clear();
      methodsVersion = version;
    }
    const known = methods.get(path);
    if (known !== undefined) return known;
    const method = contracts.method(path);
    if (method === undefined) return undefined;
    // While versions of a package run side by side, some instances have methods that others lack.
    const next = instances.picker(method.parent.typeName, ({ packages }) =>
      packages.some(({ contractHash }) => contracts.has(contractHash, path)),
    );
    const found = methodRoute(method, next);
    methods.set(path, found);
    return found;
  };

  const lookUp = (plan: CallPlan, headers: HeaderList): MethodRoute | undefined => {
    const method = methodAt(pathOf(headers.get(":path") ?? "/"));
    plan.method = method;
    plan.contractsVersion = contracts.version();
    if (method !== undefined) plan.timeoutMs = timeoutOf(headers, method.capMs);
    return method;
  };

  return (stream, headers, end) => {
    const plan = planOf(headers);
    const method = plan.contractsVersion === contracts.version() ? plan.method : lookUp(plan, headers);
    if (method === undefined) {
      respondUnknownMethod(stream, headers, [...contracts.paths(), ...deps.ownPaths], timers);
      return;
    }
    const { service } = method;
    const instance = method.next();
    if (instance === undefined) {
      respondError(stream, headers, unavailable(service, instances.absence(service)), timers);
      return;
    }
    try {
      relay.send(stream, headers, end, new NextRoute(method, instance.address, plan.timeoutMs));
    } catch (cause) {
      // What an instance says of itself, or a caller sends, must never end the gateway.
      const error = fail(INSTANCE_UNREACHABLE, { service }, { cause, retryDelayMs: RETRY_DELAY_MS });
      respondError(stream, headers, error, timers);
    }
  };
};

/** The route of one call. */
class NextRoute implements Route {
  readonly address: string;
  readonly timeoutMs: number | undefined;
  readonly #method: MethodRoute;

  constructor(method: MethodRoute, address: string, timeoutMs: number | undefined) {
    this.#method = method;
    this.address = address;
    this.timeoutMs = timeoutMs;
  }

  get service(): string {
    return this.#method.service;
  }

  another(): string | undefined {
    return this.#method.next()?.address;
  }
}

const unavailable = (service: string, why = "none has registered"): ConnectError =>
  fail(SERVICE_UNAVAILABLE, { service, why }, { retryDelayMs: RETRY_DELAY_MS });

/** How long an instance may stay silent: what the caller asked for, capped by the contract. */
const timeoutOf = (headers: HeaderList, capMs: number | undefined): number | undefined => {
  const grpc = headers.get("grpc-timeout");
  const asked =
    grpc === undefined
      ? parseConnectTimeout(headers.get("connect-timeout-ms") ?? null, Number.MAX_SAFE_INTEGER)
      : parseGrpcTimeout(grpc, Number.MAX_SAFE_INTEGER);
  const timeoutMs = Math.min(asked.timeoutMs ?? Number.POSITIVE_INFINITY, capMs ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(timeoutMs) ? Math.max(0, timeoutMs) + DEADLINE_GRACE_MS : undefined;
};
