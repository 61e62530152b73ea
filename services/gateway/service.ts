import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService, descriptorsOf } from "@heddle/mesh/service";
import { accessCheckpoint } from "./access-checkpoint.ts";
import { createBackends } from "./backends.ts";
import { createCarrier } from "./carry.ts";
import { createCatalog } from "./catalog.ts";
import { createContracts, mergeDescriptors } from "./contracts.ts";
import type { Door } from "./door.ts";
import { createEdge } from "./edge.ts";
import { getContract } from "./handlers/get-contract.ts";
import { listInstances } from "./handlers/list-instances.ts";
import { listServices } from "./handlers/list-services.ts";
import { register } from "./handlers/register.ts";
import { watch } from "./handlers/watch.ts";
import { createInstances } from "./instances.ts";
import { createLearning } from "./learning.ts";
import { mergeHealth } from "./merge-health.ts";
import { createMethodRoutes } from "./method-routes.ts";
import manifest from "./package.json" with { type: "json" };
import { rateCheckpoint } from "./rate-checkpoint.ts";
import { createRelay } from "./relay.ts";
import { routeCalls } from "./route.ts";
import { createSharedReplies } from "./share-replies.ts";
import { createUpstreams } from "./upstreams.ts";

/** What the gateway answers itself. */
const OWN = [RegistryService, Health, ServerReflection, ServerReflectionAlpha];

export const gateway = defineService({
  name: "gateway",
  version: manifest.version,
  role: "gateway",
  migrations: new URL("./migrations/", import.meta.url),
  implement({ clock, network, timers, random, ids, log, config, neighbours, instanceId, self }) {
    const instances = createInstances();
    const contracts = createContracts();
    const catalog = createCatalog(OWN, contracts);
    const runtime = { clock, network, timers, random };
    const upstreams = createUpstreams(config.HEDDLE_WIRE, runtime, neighbours);
    const routes = createMethodRoutes({ instances, contracts });
    const relay = createRelay({ runtime, instanceId, wire: config.HEDDLE_WIRE, upstreams });
    const own = { isOwn: catalog.isOwn, transport: self };
    const backends = createBackends({ runtime, instances, routes, upstreams, own, instanceId });
    const carry = createCarrier({ routes, relay, timers });
    const shared = createSharedReplies({ clock, timers, version: () => contracts.version(), carry, instanceId });
    const learning = createLearning(timers);
    /** What answers requests that are no RPC, in this order. */
    const doors: readonly Door[] = [];
    void backends;
    instances.watch(({ instance }) => {
      if (!instances.list().some(({ address }) => address === instance.address)) relay.forget(instance.address);
    });
    const ownPaths = OWN.flatMap((service) => service.methods.map(({ name }) => `/${service.typeName}/${name}`));
    return {
      implementations: [
        implementation(RegistryService, {
          register: register({ instances, contracts, reserved: OWN, timers, ids, log }),
          watch: watch({ instances }),
          listServices: listServices({ instances }),
          listInstances: listInstances({ instances }),
          getContract: getContract({ contracts }),
        }),
      ],
      unmatched: routeCalls({
        routes,
        contracts,
        carry,
        shared,
        edge: createEdge([accessCheckpoint(), rateCheckpoint({ clock })]),
        timers,
        learning,
        doors,
        ownPaths,
      }),
      descriptors: mergeDescriptors(descriptorsOf(OWN), contracts),
      health: mergeHealth({ instances, contracts, own: OWN }),
      stop: () => relay.close(),
    };
  },
});
