import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { ContractService } from "@heddle/contracts/heddle/contract/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService, descriptorsOf } from "@heddle/mesh/service";
import { createAdmission } from "./admission/admission.ts";
import { NO_CALLERS } from "./callers.ts";
import { createCatalog } from "./catalog.ts";
import { createContracts, mergeDescriptors } from "./contracts.ts";
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
import { createInstances } from "./instances.ts";
import { mergeHealth } from "./merge-health.ts";
import manifest from "./package.json" with { type: "json" };
import { createRelay } from "./relay.ts";
import { routeCalls } from "./route.ts";
import { admissionStore } from "./store/admission-store.ts";
import { contractStore } from "./store/contract-store.ts";
import { overrideStore } from "./store/override-store.ts";

/** What the gateway answers itself. */
const OWN = [RegistryService, ContractService, Health, ServerReflection, ServerReflectionAlpha];

export const gateway = defineService({
  name: "gateway",
  version: manifest.version,
  role: "gateway",
  migrations: new URL("./migrations/", import.meta.url),
  implement({ clock, network, timers, random, ids, store, log, config, neighbours, instanceId }) {
    const instances = createInstances();
    const contracts = createContracts();
    const stores = { store, kept: contractStore(), admissions: admissionStore(), overrides: overrideStore() };
    const catalog = createCatalog(OWN, contracts);
    const admission = createAdmission({ ...stores, contracts, clock });
    const relay = createRelay({
      runtime: { clock, network, timers, random },
      instanceId,
      wire: config.HEDDLE_WIRE,
      neighbours,
    });
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
          checkContracts: checkContracts({ ...stores, callers: NO_CALLERS, clock, catalog }),
          createOverride: createOverride({ ...stores, clock, ids, log }),
          listOverrides: listOverrides({ ...stores, clock }),
          revokeOverride: revokeOverride({ ...stores, clock }),
        }),
      ],
      unmatched: routeCalls({ instances, contracts, relay, edge: createEdge([]), timers, ownPaths }),
      descriptors: mergeDescriptors(descriptorsOf(OWN), contracts),
      health: mergeHealth({ instances, contracts, own: OWN }),
      stop: () => relay.close(),
    };
  },
});
