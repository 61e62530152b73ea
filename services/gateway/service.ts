import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService, descriptorsOf } from "@heddle/mesh/service";
import { createBackends } from "./backends.ts";
import { createCatalog } from "./catalog.ts";
import { createContracts, mergeDescriptors } from "./contracts.ts";
import { createCors } from "./cors.ts";
import { docsDoor } from "./docs-door.ts";
import type { Door } from "./door.ts";
import { createEdge } from "./edge.ts";
import { getContract } from "./handlers/get-contract.ts";
import { listInstances } from "./handlers/list-instances.ts";
import { listServices } from "./handlers/list-services.ts";
import { register } from "./handlers/register.ts";
import { watch } from "./handlers/watch.ts";
import { healthDoor } from "./health-door.ts";
import { createInstances } from "./instances.ts";
import { createLearning } from "./learning.ts";
import { mergeHealth } from "./merge-health.ts";
import { createMethodRoutes } from "./method-routes.ts";
import manifest from "./package.json" with { type: "json" };
import { pageOrigins } from "./page-origins.ts";
import { createRelay } from "./relay.ts";
import { createRestDoor } from "./rest-door.ts";
import { routeCalls } from "./route.ts";
import { createTranslator } from "./translate.ts";
import { createUpstreams } from "./upstreams.ts";

/** What the gateway answers itself. */
const OWN = [RegistryService, Health, ServerReflection, ServerReflectionAlpha];

export const gateway = defineService({
  name: "gateway",
  version: manifest.version,
  role: "gateway",
  migrations: new URL("./migrations/", import.meta.url),
  config: {
    HEDDLE_CORS_ORIGINS: pageOrigins({
      default: [],
      desc: "origins whose web pages may call, such as https://app.example.com,http://localhost:5173",
    }),
  },
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
    const translator = createTranslator({ contracts, backends, timers, ids, log });
    const learning = createLearning(timers);
    const edge = createEdge([]);
    /** What answers requests that are no RPC, in this order. */
    const doors: readonly Door[] = [
      healthDoor({ contracts, instances, learning, timers }),
      docsDoor({ catalog, version: manifest.version, timers, log }),
      createRestDoor({ catalog, backends, edge, learning, timers, ids, log }),
    ];
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
      around: createCors(config.HEDDLE_CORS_ORIGINS, timers),
      unmatched: routeCalls({
        routes,
        contracts,
        relay,
        translator,
        edge,
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
