import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { ContractService } from "@heddle/contracts/heddle/contract/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService, descriptorsOf } from "@heddle/mesh/service";
import { accessCheckpoint } from "./access-checkpoint.ts";
import { createAdmission } from "./admission/admission.ts";
import { createBackends } from "./backends.ts";
import { cachedBackends } from "./cached-backends.ts";
import { createCarrier } from "./carry.ts";
import { createCatalog } from "./catalog.ts";
import { createContracts, mergeDescriptors } from "./contracts.ts";
import { createCors } from "./cors.ts";
import { docsDoor } from "./docs-door.ts";
import type { Door } from "./door.ts";
import { createEdge } from "./edge.ts";
import { checkContracts } from "./handlers/check-contracts.ts";
import { createOverride } from "./handlers/create-override.ts";
import { getContract } from "./handlers/get-contract.ts";
import { listAdmissions } from "./handlers/list-admissions.ts";
import { listInstances } from "./handlers/list-instances.ts";
import { listOverrides } from "./handlers/list-overrides.ts";
import { listPackages } from "./handlers/list-packages.ts";
import { listServices } from "./handlers/list-services.ts";
import { register } from "./handlers/register.ts";
import { revokeOverride } from "./handlers/revoke-override.ts";
import { watch } from "./handlers/watch.ts";
import { healthDoor } from "./health-door.ts";
import { createInstances } from "./instances.ts";
import { createLearning } from "./learning.ts";
import { mergeHealth } from "./merge-health.ts";
import { createMethodRoutes } from "./method-routes.ts";
import manifest from "./package.json" with { type: "json" };
import { rateCheckpoint } from "./rate-checkpoint.ts";
import { createRelay } from "./relay.ts";
import { createRestDoor } from "./rest-door.ts";
import { routeCalls } from "./route.ts";
import { createSharedReplies } from "./share-replies.ts";
import { admissionStore } from "./store/admission-store.ts";
import { contractStore } from "./store/contract-store.ts";
import { overrideStore } from "./store/override-store.ts";
import { usageStore } from "./store/usage-store.ts";
import { createTranslator } from "./translate.ts";
import { createUpstreams } from "./upstreams.ts";
import { usageCallers } from "./usage/callers.ts";
import { startUsage } from "./usage/usage.ts";
import { usageImplementation } from "./usage/usage-implementation.ts";

/** What the gateway answers itself. */
const OWN = [RegistryService, ContractService, UsageService, Health, ServerReflection, ServerReflectionAlpha];

export const gateway = defineService({
  name: "gateway",
  version: manifest.version,
  role: "gateway",
  migrations: new URL("./migrations/", import.meta.url),
  async implement({ clock, network, timers, random, ids, store, log, config, neighbours, access, instanceId, self }) {
    const instances = createInstances();
    const contracts = createContracts();
    const stores = { store, kept: contractStore(), admissions: admissionStore(), overrides: overrideStore() };
    const catalog = createCatalog(OWN, contracts);
    const admission = createAdmission({ ...stores, contracts, clock });
    const runtime = { clock, network, timers, random };
    const upstreams = createUpstreams(config.HEDDLE_WIRE, runtime, neighbours);
    const routes = createMethodRoutes({ instances, contracts });
    const relay = createRelay({ runtime, instanceId, wire: config.HEDDLE_WIRE, upstreams });
    const own = { isOwn: catalog.isOwn, transport: self };
    const carry = createCarrier({ routes, relay, timers });
    const shared = createSharedReplies({ clock, timers, version: () => contracts.version(), carry, instanceId });
    const backends = cachedBackends(createBackends({ runtime, instances, routes, upstreams, own, instanceId }), {
      routes,
      replies: shared.replies,
      timers,
      instanceId,
    });
    const translator = createTranslator({ contracts, backends, timers, ids, log });
    const learning = createLearning(timers);
    const usage = usageStore();
    const counting = await startUsage({ store, usage, contracts, isOwn: catalog.isOwn, clock, timers, log });
    const usageDeps = { store, usage, counting, contracts };
    // Usage comes last: it counts what those before it have let through.
    const edge = createEdge([accessCheckpoint(access), rateCheckpoint({ clock }), counting.checkpoint], {
      version: () => access.version(),
      refused: counting.refused,
    });
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
          register: register({ instances, contracts, admission, reserved: OWN, timers, ids, log }),
          watch: watch({ instances }),
          listServices: listServices({ instances }),
          listInstances: listInstances({ instances }),
          getContract: getContract({ ...stores, contracts, catalog }),
        }),
        implementation(ContractService, {
          listPackages: listPackages({ ...stores, contracts, instances }),
          listAdmissions: listAdmissions({ ...stores, admission }),
          checkContracts: checkContracts({ ...stores, callers: usageCallers(usageDeps), clock, catalog }),
          createOverride: createOverride({ ...stores, clock, ids, log }),
          listOverrides: listOverrides({ ...stores, clock }),
          revokeOverride: revokeOverride({ ...stores, clock, log }),
        }),
        usageImplementation(usageDeps),
      ],
      around: createCors(config.HEDDLE_CORS_ORIGINS, timers),
      unmatched: routeCalls({
        routes,
        contracts,
        carry,
        shared,
        translator,
        edge,
        timers,
        learning,
        doors,
        ownPaths,
      }),
      descriptors: mergeDescriptors(descriptorsOf(OWN), contracts),
      health: mergeHealth({ instances, contracts, own: OWN }),
      async stop() {
        relay.close();
        await counting.stop();
      },
    };
  },
});
