import type { DescService } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { AuthService } from "@heddle/contracts/auth/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { assertAccessDeclared } from "../contract/options.ts";
import type { KeySet } from "../identity/index.ts";
import type { Logger } from "../observe/index.ts";
import { fileBeats, type LeasedWork, type Replicas, SharedStoreReplicas, soleReplica } from "../replicas/index.ts";
import {
  answersFor,
  createOverloadGuard,
  createRpcServer,
  type Implementation,
  memoryTransport,
  type RpcServer,
} from "../rpc/index.ts";
import { formatAddress, type ListenOn, type Runtime } from "../runtime/index.ts";
import { type SagaDefinition, SagaEngine, sagaImplementation } from "../saga/index.ts";
import { openStore, type SqliteStore } from "../store/index.ts";
import type { Store } from "../store/store.ts";
import { MESH_VARIABLES, parseConfig, type Variables } from "./config.ts";
import type { CustomServing, ServiceContext, ServiceDefinition } from "./define-service.ts";
import { followEvents } from "./follow-events.ts";
import { createInstanceHealth, healthImplementation, ServingStatus } from "./health.ts";
import { openAccess } from "./open-access.ts";
import { descriptorsOf, reflectionImplementations } from "./reflection.ts";

export interface StartDeps {
  /** Identifies this run of the service. Default: a new one. */
  readonly instanceId?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly runtime: Runtime;
  readonly log: Logger;
  /** The way to another service; `of`: its name, where several serve the contract. */
  readonly transportFor: (service: DescService, of?: string) => Transport;
  /** Servers in this process by address. */
  readonly neighbours: Map<string, RpcServer>;
  /**
   * The way to another process that serves the same store, by its `host:port`. Undefined: there is none and never will be, so that
   * nobody is looked for; tests start like that.
   */
  readonly replicaAt?: ((address: string) => Transport) | undefined;
  /** Where to listen; undefined for a service that is only called within its process. */
  readonly listenOn: ListenOn | undefined;
  /** What the service sees of its store, for tests that cut it off. Default: the store itself. */
  readonly storeSeen?: ((store: Store) => Store) | undefined;
  /** The store can no longer be trusted: the process must end. */
  readonly onFatal: (error: unknown) => void;
}

/** A service that serves. */
export interface RunningService {
  readonly definition: ServiceDefinition;
  readonly instanceId: string;
  /** `host:port`, or `<name>.memory:0` for one that is only called within its process. */
  readonly address: string;
  /** The contracts that it serves, without health and reflection. */
  readonly services: readonly DescService[];
  readonly server: RpcServer;
  /** What access tokens are checked by; asks for the keys when the first token comes, or when it is told to. */
  readonly keys: KeySet;
  /** Hands work that belongs to one replica over to others, following events among it, and ends the streams of those who follow its own. */
  stopEvents(): Promise<void>;
  /** Ends it: finishes what runs for at most `timeoutMs` milliseconds, then closes the store. Resolves to the calls that were cut. */
  stop(timeoutMs: number): Promise<number>;
}

/** Milliseconds between sweeps of recorded replies that are older than their promise. */
const SWEEP_PERIOD_MS = 60 * 60_000;

/** Opens the store, builds the handlers and serves them. On failure everything that was opened is closed again. */
export const startService = async (definition: ServiceDefinition, deps: StartDeps): Promise<RunningService> => {
  const { runtime, log } = deps;
  const config = parseConfig(deps.env, { ...MESH_VARIABLES, ...definition.config } as typeof MESH_VARIABLES &
    Variables);
  const instanceId = deps.instanceId ?? runtime.ids.next("ins");
  const access = openAccess({ config, runtime, log, auth: () => deps.transportFor(AuthService) });
  const overload = createOverloadGuard({ ...runtime, log });
  const store = await openOwnStore(definition, config.HEDDLE_DATA, deps);
  let serving: CustomServing | undefined;
  let engine: SagaEngine | undefined;
  let replicas: Replicas | undefined;
  try {
    const seen = store === undefined ? noStore(definition.name) : (deps.storeSeen?.(store) ?? store);
    replicas = replicasOf(store, seen, instanceId, `${config.HEDDLE_DATA}/${definition.name}/replicas`, deps);
    const members = replicas;
    const sagas = (definitions: readonly SagaDefinition[]): SagaEngine => {
      if (engine !== undefined)
        throw new TypeError(`${definition.name} declares its sagas twice: give all of them at once`);
      engine = new SagaEngine({
        ...runtime,
        service: definition.name,
        store: seen,
        log,
        definitions,
        replicas: members,
      });
      return engine;
    };
    let own: Transport | undefined;
    const self = (): Transport => {
      if (own === undefined) throw new TypeError(`${definition.name} does not serve yet: call self in handlers only`);
      return own;
    };
    const context: ServiceContext = {
      ...runtime,
      self: { unary: (...call) => self().unary(...call), stream: (...call) => self().stream(...call) },
      store: seen,
      log,
      config: config as ServiceContext["config"],
      client: (service, options) => createClient(service, deps.transportFor(service, options?.of)),
      sagas,
      leases: members,
      neighbours: deps.neighbours,
      access: access.guard,
      overload,
      instanceId,
    };
    serving = withSagas(asCustom(await definition.implement(context)), engine, seen);
    await engine?.check();
    const { stop, around = (handle) => handle } = serving;
    const ownEvents = await followEvents(definition, serving, store && seen, context, members, deps.replicaAt);
    const implementations = [...serving.implementations, ...ownEvents.implementations];
    for (const { service } of implementations) assertAccessDeclared(service);
    const health = createInstanceHealth(implementations.map(({ service }) => service.typeName));
    const everything = withStandardServices({ ...serving, implementations }, health);
    const server = createRpcServer({
      implementations: everything,
      runtime,
      log,
      findReply: store && ((method, requestId) => store.findReply(method, requestId)),
      wire: config.HEDDLE_WIRE,
      access: access.guard,
      overload,
      interceptors: serving.interceptors,
      around: definition.role === "gateway" ? around : (handle) => answersFor(definition.name)(around(handle)),
      unmatched: serving.unmatched,
      onDrain: serving.drain,
    });
    own = memoryTransport(server, runtime);
    const bound = deps.listenOn && (await server.listen(deps.listenOn));
    const address = bound === undefined ? `${definition.name}.memory:0` : formatAddress(bound);
    // One that listens is reached over the network, and the gateway not at all: it must not find itself here.
    if (bound === undefined) deps.neighbours.set(address, server);
    health.set(ServingStatus.SERVING);
    engine?.begin();
    if (store !== undefined) members.hold("request-ids", () => sweepReplies(store, deps));
    await members.begin(address);
    const stopEvents = async () => {
      ownEvents.endFeed();
      await members.release();
    };
    log.info({ access: config.HEDDLE_ACCESS }, ACCESS_IN_WORDS[config.HEDDLE_ACCESS]);
    return {
      definition,
      instanceId,
      address,
      services: implementations.map(({ service }) => service),
      server,
      keys: access.keys,
      stopEvents,
      async stop(timeoutMs) {
        health.set(ServingStatus.NOT_SERVING);
        await stopEvents();
        const cut = await server.drain(timeoutMs);
        deps.neighbours.delete(address);
        access.keys.stop();
        await engine?.stop();
        await stop?.();
        await members.leave();
        await store?.close();
        return cut;
      },
    };
  } catch (error) {
    access.keys.stop();
    await engine?.stop();
    await serving?.stop?.();
    await replicas?.leave();
    await store?.close();
    throw error;
  }
};

const ACCESS_IN_WORDS = {
  local: "calls from this machine need no credentials",
  enforced: "every call is let in by its contract alone",
} as const;

/** The other processes on the store, where there may be any. */
const replicasOf = (
  store: SqliteStore | undefined,
  workStore: Store,
  instanceId: string,
  folder: string,
  { runtime, log, replicaAt }: StartDeps,
): Replicas =>
  store === undefined || replicaAt === undefined
    ? soleReplica(instanceId, workStore)
    : new SharedStoreReplicas({ ...runtime, instanceId, store, workStore, beats: fileBeats(folder), log });

/** Deletes recorded replies that are older than their promise, now and then until it is stopped. */
const sweepReplies = (store: SqliteStore, { runtime, log }: StartDeps): LeasedWork => {
  let sweeping: Promise<unknown> = Promise.resolve();
  const stop = new AbortController();
  const timer = runtime.timers.every(SWEEP_PERIOD_MS, () => {
    sweeping = store
      .sweepReplies(stop.signal)
      .catch((error: unknown) => log.warn({ err: error }, "old request ids were not swept"));
  });
  return {
    async stop() {
      timer.cancel();
      // The drain waits for it, and there may be the replies of a busy hour.
      stop.abort();
      await sweeping;
    },
  };
};

const openOwnStore = (definition: ServiceDefinition, dataFolder: string, deps: StartDeps) =>
  definition.migrations === undefined
    ? undefined
    : openStore({
        path: `${dataFolder}/${definition.name}/${definition.name}.db`,
        name: definition.name,
        migrations: definition.migrations,
        runtime: deps.runtime,
        onFatal: deps.onFatal,
      });

const asCustom = (serving: readonly Implementation[] | CustomServing): CustomServing =>
  "implementations" in serving ? serving : { implementations: serving };

/** Sagas are shown, and set going again, by whoever runs them. */
const withSagas = (serving: CustomServing, engine: SagaEngine | undefined, store: Store): CustomServing =>
  engine === undefined
    ? serving
    : { ...serving, implementations: [...serving.implementations, sagaImplementation(engine, store)] };

const withStandardServices = (
  serving: CustomServing,
  health: ReturnType<typeof createInstanceHealth>,
): Implementation[] => {
  const own = [...serving.implementations, healthImplementation(serving.health ?? health)];
  // Reflection describes itself too, as grpcurl's users expect of `list`.
  const described = [...own.map(({ service }) => service), ServerReflection, ServerReflectionAlpha];
  return [...own, ...reflectionImplementations(serving.descriptors ?? descriptorsOf(described))];
};

/** Stands in for the store of a service without one, so that a forgotten `migrations` is told at the first use. */
const noStore = (name: string): Store => {
  const refuse = () => {
    throw new TypeError(`${name} has no store: give defineService its migrations folder`);
  };
  return { read: refuse, write: refuse, findReply: refuse, onEvents: refuse, backup: refuse, close: refuse };
};
