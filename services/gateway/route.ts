import type { ConnectError } from "@connectrpc/connect";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import type { Instance } from "@heddle/contracts/heddle/registry/v1";
import { fail } from "@heddle/mesh/contract";
import { type HttpHandler, pathOf, respondError, respondUnknownMethod, SERVICE_HEADER } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import type { HeaderList } from "@heddle/mesh/wire";
import { type CallPlan, planOf } from "./call-plan.ts";
import type { Contracts } from "./contracts.ts";
import type { Edge, RequestSampler } from "./edge.ts";
import { INSTANCE_UNREACHABLE, SERVICE_AMBIGUOUS, SERVICE_UNAVAILABLE } from "./errors.ts";
import type { Instances } from "./instances.ts";
import { type MethodRoute, methodRoute } from "./method-route.ts";
import type { Relay, Route } from "./relay.ts";

/** Milliseconds after which a caller may find the service back: a supervisor restarts faster. */
const RETRY_DELAY_MS = 500;
/** Milliseconds that an instance gets beyond the deadline, so that it is the one to answer: its error says more. */
const DEADLINE_GRACE_MS = 500;
/**
 * Milliseconds after the start in which a service that nobody has named yet may exist: instances come back within 2 seconds, those
 * that start meanwhile need some more. UNIMPLEMENTED would tell callers never to try again.
 */
export const LEARNING_MS = 10_000;

/** Sends each call to an instance of its service: by the path, and by the header `heddle-service` where several serve the path. */
export const routeCalls = (deps: {
  instances: Instances;
  contracts: Contracts;
  relay: Relay;
  edge: Edge;
  timers: Timers;
  /** Paths of what the gateway serves itself, for suggestions. */
  ownPaths: readonly string[];
}): HttpHandler => {
  const { instances, contracts, relay, edge, timers } = deps;
  const methods = new Map<string, MethodRoute>();
  let methodsVersion = -1;
  let learning = true;
  timers.after(LEARNING_MS, () => {
    learning = false;
  });

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
    const found = methodRoute(method, instances.picker(method.parent.typeName, having(path)));
    methods.set(path, found);
    return found;
  };

  /** While versions of a package run side by side, some instances have methods that others lack. */
  const having =
    (path: string) =>
    ({ packages }: Instance) =>
      packages.some(({ contractHash }) => contracts.has(contractHash, path));

  /** The same method of one service. Not kept: callers choose the name. */
  const methodOf = (owner: string, path: string): MethodRoute | undefined => {
    const method = contracts.method(path);
    if (method === undefined) return undefined;
    return methodRoute(method, instances.picker(method.parent.typeName, having(path), owner));
  };

  const lookUp = (plan: CallPlan, headers: HeaderList, peer: string): MethodRoute | undefined => {
    const path = pathOf(headers.get(":path") ?? "/");
    const owner = headers.get(SERVICE_HEADER);
    const method = owner === undefined ? methodAt(path) : methodOf(owner, path);
    plan.method = method;
    plan.contractsVersion = contracts.version();
    if (method === undefined) return undefined;
    plan.timeoutMs = timeoutOf(headers, method.capMs);
    plan.passage = edge.prepare({ method: method.method, headers, peer });
    return method;
  };

  /** Why there is no instance to send a call to. */
  const nobody = (service: string, asked: string | undefined): ConnectError => {
    const owners = instances.owners(service);
    if (asked === undefined && owners.length > 1) {
      return fail(SERVICE_AMBIGUOUS, { service, owners: owners.join(", ") });
    }
    if (asked === undefined || owners.length === 0) return unavailable(service, instances.absence(service));
    return unavailable(service, `the header heddle-service asks for another than ${owners.join(", ")}`);
  };

  /** The service that a path names, when nobody has told of it. */
  const strangerIn = (path: string): string | undefined => {
    const [, service] = METHOD_PATH.exec(path) ?? [];
    if (service === undefined || contracts.services().includes(service)) return undefined;
    return deps.ownPaths.some((own) => own.startsWith(`/${service}/`)) ? undefined : service;
  };

  return (stream, headers, end) => {
    const plan = planOf(headers);
    const method = plan.contractsVersion === contracts.version() ? plan.method : lookUp(plan, headers, stream.peer);
    if (method === undefined) {
      const stranger = learning ? strangerIn(pathOf(headers.get(":path") ?? "/")) : undefined;
      if (stranger !== undefined) {
        respondError(stream, headers, unavailable(stranger, "the gateway has just started"), timers);
        return;
      }
      respondUnknownMethod(stream, headers, [...contracts.paths(), ...deps.ownPaths], timers);
      return;
    }
    const refusal = plan.passage?.check();
    if (refusal !== undefined) {
      respondError(stream, headers, refusal, timers);
      return;
    }
    const { service } = method;
    const instance = method.next();
    if (instance === undefined) {
      respondError(stream, headers, nobody(service, headers.get(SERVICE_HEADER)), timers);
      return;
    }
    try {
      relay.send(stream, headers, end, new NextRoute(method, instance.address, plan));
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
  readonly answerFields: readonly string[];
  readonly sampler: RequestSampler | undefined;
  readonly #method: MethodRoute;

  constructor(method: MethodRoute, address: string, { timeoutMs, passage }: CallPlan) {
    this.#method = method;
    this.address = address;
    this.timeoutMs = timeoutMs;
    this.answerFields = passage?.answerFields ?? [];
    this.sampler = passage?.sampler;
  }

  get service(): string {
    return this.#method.service;
  }

  another(): string | undefined {
    return this.#method.next()?.address;
  }
}

/** A method of a package, which only instances can tell of; everything else is known from the start. */
const METHOD_PATH = /^\/(\w+(?:\.\w+)+)\/\w+$/;

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
