import type { DescService } from "@bufbuild/protobuf";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { heldTooLong, type InjectedFault, injectedError } from "@heddle/mesh/policy";
import { type HttpHandler, pathOf, respondError, respondUnknownMethod, SERVICE_HEADER } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream } from "@heddle/mesh/wire";
import type { Edge } from "../edge/edge.ts";
import { withFields } from "../edge/with-fields.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { Learning } from "../registry/learning.ts";
import type { Carrier } from "../relay/carry.ts";
import { DEADLINE_GRACE_MS, type SharedReplies } from "../replies/share-replies.ts";
import { HeldCall } from "../traffic/held-call.ts";
import type { Traffic } from "../traffic/traffic.ts";
import type { Translator } from "../translate/translate.ts";
import { type CallPlan, passageOf, planOf } from "./call-plan.ts";
import type { Door } from "./door.ts";
import type { MethodRoute } from "./method-route.ts";
import type { MethodRoutes } from "./method-routes.ts";
import { unavailable } from "./try-later.ts";

/**
 * Sends each call to an instance of its service: by the path, and by the header `heddle-service` where several serve the path.
 * gRPC is relayed as it comes, everything else translated to it.
 * What is no path of a method goes to the doors, in their order.
 */
export const routeCalls = (deps: {
  routes: MethodRoutes;
  contracts: Contracts;
  carry: Carrier;
  shared: Pick<SharedReplies, "answer">;
  translator: Translator;
  edge: Edge;
  traffic: Traffic;
  timers: Timers;
  learning: Learning;
  doors: readonly Door[];
  /** What the gateway serves itself. */
  own: readonly DescService[];
}): HttpHandler => {
  const { routes, contracts, carry, shared, translator, edge, traffic, timers, learning, doors, own } = deps;
  const ownPaths = own.flatMap(({ typeName, methods }) => methods.map(({ name }) => `/${typeName}/${name}`));

  const lookUp = (plan: CallPlan, headers: HeaderList, peer: string): MethodRoute | undefined => {
    const method = routes.at(pathOf(headers.get(":path") ?? "/"), headers.get(SERVICE_HEADER));
    plan.method = method;
    plan.contractsVersion = contracts.version();
    plan.sharing = undefined;
    plan.trafficVersion = -1;
    if (method === undefined) return undefined;
    plan.isRelayed = GRPC.test(headers.get("content-type") ?? "");
    plan.timeoutMs = timeoutOf(headers, method.capMs);
    passageOf(edge, { method: method.method, headers, peer });
    return method;
  };

  const relay: Carrier = (stream, headers, end, where) => {
    const { method, plan } = where;
    if (method.cacheMs === undefined || traffic.of(plan, method, headers)?.isPinned) carry(stream, headers, end, where);
    else shared.answer(stream, headers, end, where);
  };

  /** The service that a path names, when nobody has told of it. */
  const strangerIn = (path: string): string | undefined => {
    const [, service] = METHOD_PATH.exec(path) ?? [];
    if (service === undefined || contracts.services().includes(service)) return undefined;
    return own.some(({ typeName }) => typeName === service) ? undefined : service;
  };

  return (stream, headers, end) => {
    const plan = planOf(headers);
    const method = plan.contractsVersion === contracts.version() ? plan.method : lookUp(plan, headers, stream.peer);
    if (method === undefined) {
      for (const door of doors) if (door(stream, headers, end)) return;
      const stranger = learning() ? strangerIn(pathOf(headers.get(":path") ?? "/")) : undefined;
      if (stranger !== undefined) {
        respondError(stream, headers, unavailable(stranger, "the gateway has just started"), timers);
        return;
      }
      respondUnknownMethod(stream, headers, [...contracts.paths(), ...ownPaths], timers);
      return;
    }
    const refusal = plan.passage?.check();
    if (refusal !== undefined) {
      respondError(withFields(stream, plan.passage?.answerFields ?? []), headers, refusal, timers);
      return;
    }
    if (!plan.isRelayed) {
      translator.answer(withFields(stream, plan.passage?.answerFields ?? []), headers, end, method.method);
      return;
    }
    const fault = traffic.of(plan, method, headers)?.fault();
    if (fault === undefined) relay(stream, headers, end, { method, plan });
    else befall(fault, { stream, headers, plan, timers, goOn: () => relay(stream, headers, end, { method, plan }) });
  };
};

/** Holds a call, and fails it or lets it go on. */
const befall = (
  fault: InjectedFault,
  call: { stream: HttpStream; headers: HeaderList; plan: CallPlan; timers: Timers; goOn: () => void },
): void => {
  const { stream, headers, plan, timers, goOn } = call;
  const { timeoutMs = Number.POSITIVE_INFINITY, passage } = plan;
  const error = timeoutMs <= fault.delayMs ? heldTooLong() : injectedError(fault);
  const end = () => {
    if (error === undefined) goOn();
    else respondError(withFields(stream, passage?.answerFields ?? []), headers, error, timers);
  };
  if (fault.delayMs === 0) end();
  else new HeldCall(stream, Math.min(fault.delayMs, timeoutMs), { timers, goOn: end });
};

/** gRPC itself, of any codec, which passes as it is; not gRPC-Web. */
const GRPC = /^application\/grpc(?:$|[+;\s])/i;

/** A method of a package, which only instances can tell of; everything else is known from the start. */
const METHOD_PATH = /^\/(\w+(?:\.\w+)+)\/\w+$/;

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
