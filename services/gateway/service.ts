import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService, descriptorsOf } from "@heddle/mesh/service";
import { accessCheckpoint } from "./access-checkpoint.ts";
import { createContracts, mergeDescriptors } from "./contracts.ts";
import { createEdge } from "./edge.ts";
import { getContract } from "./handlers/get-contract.ts";
import { listDeprecatedUsage } from "./handlers/list-deprecated-usage.ts";
import { listFieldUsage } from "./handlers/list-field-usage.ts";
import { listInstances } from "./handlers/list-instances.ts";
import { listMethodUsage } from "./handlers/list-method-usage.ts";
import { listServices } from "./handlers/list-services.ts";
import { register } from "./handlers/register.ts";
import { reportUsage } from "./handlers/report-usage.ts";
import { watch } from "./handlers/watch.ts";
import { createInstances } from "./instances.ts";
import { mergeHealth } from "./merge-health.ts";
import manifest from "./package.json" with { type: "json" };
import { createRelay } from "./relay.ts";
import { routeCalls } from "./route.ts";
import { usageStore } from "./store/usage.ts";
import { startUsage } from "./usage/usage.ts";

/** What the gateway answers itself. */
const OWN = [RegistryService, UsageService, Health, ServerReflection, ServerReflectionAlpha];

export const gateway = defineService({
  name: "gateway",
  version: manifest.version,
  role: "gateway",
  migrations: new URL("./migrations/", import.meta.url),
  async implement({ store, clock, network, timers, random, ids, log, config, neighbours, instanceId }) {
    const instances = createInstances();
    const contracts = createContracts();
    const usage = usageStore();
    const counting = await startUsage({ store, usage, contracts, clock, timers, log });
    const usageDeps = { store, usage, counting, contracts };
    // Usage comes last: it counts what those before it have let through.
    const edge = createEdge([accessCheckpoint(), counting.checkpoint], { refused: counting.refused });
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
          register: register({ instances, contracts, reserved: OWN, timers, ids, log }),
          watch: watch({ instances }),
          listServices: listServices({ instances }),
          listInstances: listInstances({ instances }),
          getContract: getContract({ contracts }),
        }),
        implementation(UsageService, {
          reportUsage: reportUsage(usageDeps),
          listMethodUsage: listMethodUsage(usageDeps),
          listFieldUsage: listFieldUsage(usageDeps),
          listDeprecatedUsage: listDeprecatedUsage(usageDeps),
        }),
      ],
      unmatched: routeCalls({ instances, contracts, relay, edge, timers, ownPaths }),
      descriptors: mergeDescriptors(descriptorsOf(OWN), contracts),
      health: mergeHealth({ instances, contracts, own: OWN }),
      async stop() {
        relay.close();
        await counting.stop();
      },
    };
  },
});
