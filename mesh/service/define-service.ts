import type { DescMessage, DescService } from "@bufbuild/protobuf";
import type { Client, ConnectError, Interceptor, Transport } from "@connectrpc/connect";
import type { Subscription, View } from "../events/index.ts";
import type { AccessGuard } from "../identity/index.ts";
import type { Logger } from "../observe/index.ts";
import type { Leases } from "../replicas/index.ts";
import type { HttpHandler, Implementation, OverloadGuard, RpcServer } from "../rpc/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { SagaDefinition, Sagas } from "../saga/index.ts";
import type { Store } from "../store/store.ts";
import type { Config, MeshConfig, Variables } from "./config.ts";
import type { HealthSource } from "./health.ts";
import type { DescriptorSource } from "./reflection.ts";

/** What a service is made of; the runtime does the rest. */
export interface ServiceDefinition<V extends Variables = Variables> {
  /** Lower-case, one word: the name of its folder, its database and its log lines. */
  readonly name: string;
  /** The version of its package, as `package.json` says. */
  readonly version: string;
  /** The folder of its migrations. A service without one has no store. */
  readonly migrations?: URL;
  /** The environment variables that it reads beside the mesh's own. */
  readonly config?: V;
  /** The events that it appends to its feed. */
  readonly publishes?: readonly DescMessage[];
  /** "gateway" listens on HEDDLE_PORT and is what the others register with. Default "service". */
  readonly role?: "service" | "gateway";
  /** Builds the handlers, once, when the store is open. */
  implement(context: ServiceContext<V>): Serving | Promise<Serving>;
}

/** The handlers of a service, or these with what else it serves. */
export type Serving = readonly Implementation[] | CustomServing;

export interface CustomServing {
  readonly implementations: readonly Implementation[];
  /** Connect's interceptors around every handler, the first outermost, within what the contract asks for. */
  readonly interceptors?: readonly Interceptor[];
  /** What it does with the events of other services. */
  readonly subscriptions?: readonly Subscription[];
  /** What it folds from the events of other services. */
  readonly views?: readonly View[];
  /** Stands around everything that the server answers. */
  readonly around?: (handle: HttpHandler) => HttpHandler;
  /** Answers requests that no implementation answers. */
  readonly unmatched?: HttpHandler;
  /** What reflection shows; by default the implementations' own contracts. */
  readonly descriptors?: DescriptorSource;
  /** What health tells; by default whether this instance serves. */
  readonly health?: HealthSource;
  /** Hears that the server drains, after its GOAWAY, and why: such as to end calls that it carries for others and that end by nothing else. */
  readonly drain?: (reason: ConnectError) => void;
  /** Runs after the last call, before the store closes. */
  readonly stop?: () => void | Promise<void>;
}

/** What a service may use. */
export interface ServiceContext<V extends Variables = Variables> extends Runtime {
  /** The service's own database; reading it throws in a service without migrations. */
  readonly store: Store;
  readonly log: Logger;
  readonly config: MeshConfig & Config<V>;
  /**
   * A client of another service. Calls made while a call is served share its deadline, trace and identity. `of`: the name of the
   * service that is meant, such as `billing`, where several serve the contract.
   */
  client<S extends DescService>(service: S, options?: { readonly of?: string }): Client<S>;
  /** Calls this service itself, within the process, through all that any caller's call goes through. Not before it serves. */
  readonly self: Transport;
  /**
   * Declares the sagas that the service runs, each version that may still be under way, and returns what begins them. Once, in
   * `implement`: the runtime serves `heddle.saga.v1` over them, and runs them from the start to the stop of the service.
   */
  sagas(definitions: readonly SagaDefinition[]): Sagas;
  /**
   * Work beside the calls that belongs to one replica of the service at a time, such as a sweep: declared in `implement`, begun where and
   * while this replica holds its lease.
   */
  readonly leases: Leases;
  /** Servers in this process by their address, when the mesh runs in one process. */
  readonly neighbours: ReadonlyMap<string, RpcServer>;
  /** Knows who calls, for a service that carries calls of methods that it does not implement. */
  readonly access: AccessGuard;
  /** Sheds calls when there are too many, for such a service. */
  readonly overload: OverloadGuard;
  /** Identifies this run of the service. */
  readonly instanceId: string;
}

/**
 * Declares a service.
 *
 * @throws TypeError when the name cannot be a folder's and a database's.
 */
export const defineService = <V extends Variables = Record<never, never>>(
  definition: ServiceDefinition<V>,
): ServiceDefinition<V> => {
  if (!/^[a-z][a-z0-9]{1,30}$/.test(definition.name)) {
    throw new TypeError(
      `"${definition.name}" is no service name: lower-case letters and digits, 2 to 31, a letter first`,
    );
  }
  return Object.freeze(definition);
};
