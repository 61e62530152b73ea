import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import {
  createBalancer,
  createDirectCalls,
  type EndpointSource,
  endpointFile,
  logChanges,
  parsePlaces,
  placedEndpoints,
  registryEndpoints,
  watchedRules,
} from "../discovery/index.ts";
import type { Logger } from "../observe/index.ts";
import { addressedTo, addressPool, type ClientIdentity, failoverPool, transportOver } from "../rpc/index.ts";
import { clockOfTurns, parseAddress, type Runtime, systemNames } from "../runtime/index.ts";
import { createUsageReporter } from "../usage/index.ts";
import type { MeshConfig } from "./config.ts";
import type { ServiceDefinition } from "./define-service.ts";

/** How a service's process reaches the others. */
export interface WayToOthers {
  /** The way to another service; `of`: its name, where several serve the contract. */
  transportFor(service: DescService, of?: string): Transport;
  /** The way to each gateway, for what each of them must hear. */
  readonly gateways: readonly Transport[];
  /** Begins to tell the gateway of the calls that did not pass it. */
  start(): void;
  /** Tells it of those that are left, and forgets where the others are. When the last call has been made. */
  stop(): Promise<void>;
}

/**
 * Milliseconds between tries to connect to a gateway that is away, at most: whoever registers or watches comes back as often, and must
 * not find that the connection is still waiting for its turn.
 */
const GATEWAY_BACKOFF_MS_MAX = 500;

/** Calls go to the instances themselves where `HEDDLE_DIRECT` says so and they are known, else by way of a gateway that answers. */
export const wayToOthers = (deps: {
  readonly definition: Pick<ServiceDefinition, "name" | "version" | "role">;
  readonly instanceId: string;
  readonly config: MeshConfig;
  readonly identity: ClientIdentity;
  readonly runtime: Runtime;
  readonly log: Logger;
}): WayToOthers => {
  const { definition, instanceId, config, identity, runtime, log } = deps;
  const wire = config.HEDDLE_WIRE;
  const addresses = config.HEDDLE_GATEWAY.map(hostPortOf);
  const limits = { backoffMaxMs: GATEWAY_BACKOFF_MS_MAX };
  const pools = addresses.map((address) => addressPool(parseAddress(address), { wire, runtime, limits }));
  const gateways = pools.map((pool, index) => transportOver(pool, addresses[index] ?? "", runtime, identity));
  const authority = addresses[0] ?? "";
  const anyPool = failoverPool(pools);
  const anyGateway = transportOver(anyPool, authority, runtime, identity);
  // The gateway calls by way of itself: it has balancers for all instances already.
  if (config.HEDDLE_DIRECT === "off" || definition.role === "gateway") {
    return {
      transportFor: (_, of) => (of === undefined ? anyGateway : addressedTo(anyGateway, of)),
      gateways,
      start: () => undefined,
      stop: async () => undefined,
    };
  }
  const memory = endpointFile(`${config.HEDDLE_DATA}/${definition.name}/endpoints.json`, instanceId);
  const registry = registryEndpoints({ transport: anyGateway, memory, runtime, log });
  const written = [...parsePlaces(config.HEDDLE_ENDPOINTS)].map(
    ([packageName, places]) => [packageName, placedEndpoints(places, { names: systemNames, runtime, log })] as const,
  );
  const source = byPackage(new Map(written), registry);
  const watched = watchedRules({ transport: anyGateway, runtime, log });
  const reporter = createUsageReporter({ consumer: definition, ...runtime, log });
  const balancing = {
    clock: clockOfTurns(runtime.clock),
    random: runtime.random,
    locality: config.HEDDLE_LOCALITY,
    subset: { key: instanceId },
    changed: logChanges(log),
  };
  const direct = createDirectCalls({
    source,
    gateway: anyPool,
    authority,
    wire,
    runtime,
    identity,
    watched,
    balancer: () => createBalancer(balancing),
    count: reporter.count,
  });
  return {
    transportFor: direct.transportFor,
    gateways,
    start: () => reporter.start(instanceId, anyGateway),
    async stop() {
      await reporter.stop();
      registry.stop();
      watched.stop();
      for (const [, placed] of written) placed.stop();
      direct.close();
    },
  };
};

/** Each package's own source, and one for all others. */
const byPackage = (sources: ReadonlyMap<string, EndpointSource>, others: EndpointSource): EndpointSource => {
  const of = (service: string) => sources.get(service.slice(0, service.lastIndexOf("."))) ?? others;
  return {
    watch: (service, changed) => of(service).watch(service, changed),
    doubt: (service) => of(service).doubt?.(service),
  };
};

const hostPortOf = (url: string): string => {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 80}`;
};
