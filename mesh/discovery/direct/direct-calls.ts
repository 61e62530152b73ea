import type { DescMessage, DescMethod, DescService, MessageInitShape } from "@bufbuild/protobuf";
import { type ContextValues, createContextValues, type Transport } from "@connectrpc/connect";
import type { TrafficRules } from "../../policy/index.ts";
import {
  attemptKey,
  type ClientIdentity,
  type ConnectionPool,
  transportOver,
  type WireChoice,
} from "../../rpc/index.ts";
import type { Runtime } from "../../runtime/index.ts";
import { AddressedHeaders } from "../addressed-session.ts";
import type { Balancer } from "../balancer.ts";
import type { Endpoint, EndpointSource } from "../endpoint.ts";
import { createConnections } from "./connections.ts";
import { DirectAttempt, EndpointPool } from "./endpoint-pool.ts";

/** Calls to the instances of other services, without a hop through the gateway. */
export interface DirectCalls {
  /** The way to a service; `of`: the name of the service that is meant, where several serve the contract. The same each time. */
  transportFor(service: DescService, of?: string): Transport;
  /** Cuts every connection. */
  close(): void;
}

export interface DirectCallsDeps {
  readonly source: EndpointSource;
  /** The way to the gateway, which takes what no instance is known for. */
  readonly gateway: ConnectionPool;
  /** What calls say they are for, `host:port`. */
  readonly authority: string;
  readonly wire: WireChoice;
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random" | "network">;
  readonly identity: ClientIdentity;
  /** Makes what chooses among the instances of one service. */
  readonly balancer: () => Balancer;
  /** What traffic rules say something of goes through the gateway, which keeps them. */
  readonly watched: { readonly rules: TrafficRules };
  /** Told of each call that went to an instance itself, with its request where that is one message: nobody else has seen it. */
  readonly count: (method: DescMethod, request: MessageInitShape<DescMessage> | undefined) => void;
}

export const createDirectCalls = (deps: DirectCallsDeps): DirectCalls => {
  const { source, gateway, authority, wire, runtime, identity, balancer, watched, count } = deps;
  const { clock } = runtime;
  const connections = createConnections(wire, runtime);
  const transports = new Map<string, Transport>();
  const stops: (() => void)[] = [];

  const open = (service: DescService, of: string | undefined): Transport => {
    const toOwner = of === undefined ? undefined : new AddressedHeaders(service, of);
    const pool = new EndpointPool({
      service,
      balancer: balancer(),
      connections,
      gateway,
      toOwner,
      clock,
      doubt: () => source.doubt?.(service.typeName),
    });
    stops.push(source.watch(service.typeName, (endpoints) => pool.update(callable(endpoints, of))));
    const attemptOf: AttemptOf = (method, header, values) => {
      const outer = values?.get(attemptKey);
      const { rules } = watched;
      if (rules.isEmpty) return new DirectAttempt(outer);
      const own = new Headers(header);
      const of = rules.of({ method, service: pool.serviceName, header: (name) => own.get(name) ?? undefined });
      return new DirectAttempt(outer, of !== undefined);
    };
    return counting(transportOver(pool, authority, runtime, identity), attemptOf, count);
  };
  return {
    transportFor(service, of) {
      const key = `${service.typeName} ${of ?? ""}`;
      const known = transports.get(key) ?? open(service, of);
      transports.set(key, known);
      return known;
    },
    close() {
      for (const stop of stops) stop();
      connections.destroy();
    },
  };
};

/**
 * The endpoints that any call may go to; none where only the gateway can tell. Services of different names that serve one contract are
 * no replicas of each other: it asks which is meant. Instances with different contracts, as in the middle of a rollout, do not all
 * have every method: it knows which have.
 */
const callable = (endpoints: readonly Endpoint[], of: string | undefined): readonly Endpoint[] => {
  const meant = of === undefined ? endpoints : endpoints.filter(({ serviceName }) => serviceName === of);
  const [first] = meant;
  const isOne = meant.every(
    ({ serviceName, contractHash }) => serviceName === first?.serviceName && contractHash === first.contractHash,
  );
  return isOne ? meant : [];
};

/** The attempt of a call that is made now. */
type AttemptOf = (
  method: DescMethod,
  header: Parameters<Transport["unary"]>[3],
  values: ContextValues | undefined,
) => DirectAttempt;

/** The transport with those of its calls counted that went to an instance itself. */
const counting = (transport: Transport, attemptOf: AttemptOf, count: DirectCallsDeps["count"]): Transport => ({
  unary(method, signal, timeoutMs, header, input, values) {
    const attempt = attemptOf(method, header, values);
    const answer = transport.unary(method, signal, timeoutMs, header, input, withAttempt(values, attempt));
    const ended = () => {
      if (attempt.isDirect) count(method, input);
    };
    answer.then(ended, ended);
    return answer;
  },
  stream(method, signal, timeoutMs, header, input, values) {
    const attempt = attemptOf(method, header, values);
    const answer = transport.stream(method, signal, timeoutMs, header, input, withAttempt(values, attempt));
    const begun = () => {
      if (attempt.isDirect) count(method, undefined);
    };
    answer.then(begun, begun);
    return answer;
  },
});

/** The caller's values, which may be those of several calls, with this call's own attempt. */
const withAttempt = (values: ContextValues | undefined, attempt: DirectAttempt): ContextValues => {
  if (values === undefined) return createContextValues().set(attemptKey, attempt);
  const own: ContextValues = {
    get: (key) => (key.id === attemptKey.id ? (attempt as never) : values.get(key)),
    set(key, value) {
      values.set(key, value);
      return own;
    },
    delete(key) {
      values.delete(key);
      return own;
    },
  };
  return own;
};
