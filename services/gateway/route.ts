import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { fail, methodOptions } from "@heddle/mesh/contract";
import {
  DEFAULT_RPC_LIMITS,
  type HttpHandler,
  type HttpRequest,
  pathOf,
  type RpcServer,
  respondError,
  respondUnknownMethod,
} from "@heddle/mesh/rpc";
import type { Contracts } from "./contracts.ts";
import { INSTANCE_UNREACHABLE, SERVICE_UNAVAILABLE } from "./errors.ts";
import type { Instances } from "./instances.ts";
import type { Relay } from "./relay.ts";

/** Milliseconds after which a caller may find the service back: a supervisor restarts faster. */
const RETRY_DELAY_MS = 500;
/** Milliseconds that an instance gets beyond the deadline, so that it is the one to answer: its error says more. */
const DEADLINE_GRACE_MS = 500;

/** Sends each call to an instance of its service, by the path alone. */
export const routeCalls = (deps: {
  instances: Instances;
  contracts: Contracts;
  relay: Relay;
  neighbours: ReadonlyMap<string, RpcServer>;
  /** Paths of what the gateway serves itself, for suggestions. */
  ownPaths: readonly string[];
}): HttpHandler => {
  const { instances, contracts, relay, neighbours } = deps;
  return (request, response) => {
    const path = pathOf(request.url ?? "/");
    const method = contracts.method(path);
    if (method === undefined) {
      respondUnknownMethod(request, response, [...contracts.paths(), ...deps.ownPaths]);
      return;
    }
    const service = method.parent.typeName;
    // While versions of a package run side by side, some instances have methods that others lack.
    const instance = instances.pick(service, ({ packages }) =>
      packages.some(({ contractHash }) => contracts.has(contractHash, path)),
    );
    if (instance === undefined) {
      respondError(request, response, unavailable(service, instances.absence(service)));
      return;
    }
    const neighbour = neighbours.get(instance.address);
    if (neighbour !== undefined) {
      neighbour.handle(request, response);
      return;
    }
    try {
      relay.send(request, response, { service, address: instance.address, timeoutMs: timeoutOf(request, method) });
    } catch (cause) {
      // What an instance says of itself, or a caller sends, must never end the gateway.
      respondError(request, response, fail(INSTANCE_UNREACHABLE, { service }, { cause, retryDelayMs: RETRY_DELAY_MS }));
    }
  };
};

const unavailable = (service: string, why = "none has registered"): ConnectError =>
  fail(SERVICE_UNAVAILABLE, { service, why }, { retryDelayMs: RETRY_DELAY_MS });

/** How long an instance may stay silent: what the caller asked for, capped by the contract. */
const timeoutOf = (request: HttpRequest, method: DescMethod): number | undefined => {
  const { headers } = request;
  const asked = single(headers["grpc-timeout"])
    ? parseGrpcTimeout(single(headers["grpc-timeout"]), Number.MAX_SAFE_INTEGER)
    : parseConnectTimeout(single(headers["connect-timeout-ms"]), Number.MAX_SAFE_INTEGER);
  const unary = method.methodKind === "unary" ? DEFAULT_RPC_LIMITS.callTimeoutMs : undefined;
  const capMs = methodOptions(method).timeoutMs ?? unary;
  const timeoutMs = Math.min(asked.timeoutMs ?? Number.POSITIVE_INFINITY, capMs ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(timeoutMs) ? Math.max(0, timeoutMs) + DEADLINE_GRACE_MS : undefined;
};

const single = (value: string | string[] | undefined): string | null =>
  Array.isArray(value) ? (value[0] ?? null) : (value ?? null);
