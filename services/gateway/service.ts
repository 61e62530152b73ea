import { defineService, descriptorsOf } from "@heddle/mesh/service";
import { createAdmission } from "./admission/admission.ts";
import { accessCheckpoint } from "./edge/access-checkpoint.ts";
import { createCors } from "./edge/cors.ts";
import { createEdge } from "./edge/edge.ts";
import { overloadCheckpoint } from "./edge/overload-checkpoint.ts";
import { rateCheckpoint } from "./edge/rate-checkpoint.ts";
import { OWN, ownServices } from "./handlers/own-services.ts";
import { createMirrors } from "./mirror/mirrors.ts";
import manifest from "./package.json" with { type: "json" };
import { docsDoor } from "./pages/docs-door.ts";
import { healthDoor } from "./pages/health-door.ts";
import { createCatalog } from "./registry/catalog.ts";
import { createContracts, mergeDescriptors } from "./registry/contracts.ts";
import { createInstances } from "./registry/instances.ts";
import { createLearning } from "./registry/learning.ts";
import { mergeHealth } from "./registry/merge-health.ts";
import { rememberInstances } from "./registry/remembered-instances.ts";
import { createRestDoor } from "./rest/rest-door.ts";
import { createCarriers } from "./routing/carriers.ts";
import type { Door } from "./routing/door.ts";
import { routeCalls } from "./routing/route.ts";
import { admissionStore } from "./store/admission-store.ts";
import { contractStore } from "./store/contract-store.ts";
import { instanceStore } from "./store/instance-store.ts";
import { overrideStore } from "./store/override-store.ts";
import { ruleStore } from "./store/rule-store.ts";
import { usageStore } from "./store/usage-store.ts";
import { openRuleBook } from "./traffic/rule-book.ts";
import { createTraffic } from "./traffic/traffic.ts";
import { startUsage } from "./usage/usage.ts";

export const gateway = defineService({
  name: "gateway",
  version: manifest.version,
  role: "gateway",
  migrations: new URL("./migrations/", import.meta.url),
  async implement(context) {
    const { clock, timers, random, ids, store, log, config, access, overload, self, neighbours, instanceId } = context;
    const instances = createInstances();
    const contracts = createContracts();
    const catalog = createCatalog(OWN, contracts);
    const known = { instances, contracts, catalog };
    const learning = createLearning(timers);

    const usage = usageStore();
    const stores = { store, kept: contractStore(), admissions: admissionStore(), overrides: overrideStore(), usage };
    const admission = createAdmission({ ...stores, contracts, clock });
    const remembered = await rememberInstances({
      ...known,
      ...stores,
      remembered: instanceStore(),
      admission,
      learning,
      log,
    });
    const counting = await startUsage({ store, usage, contracts, isOwn: catalog.isOwn, clock, timers, log });

    const rules = ruleStore();
    const ruleBook = await openRuleBook({ store, rules, clock, timers });
    const traffic = createTraffic({ live: ruleBook.live, instances, random });

    const mirrors = createMirrors({ live: ruleBook.live, clock, timers });

    // Usage comes last: it counts what those before it have let through.
    const edge = createEdge(
      [accessCheckpoint(access), overloadCheckpoint(overload), rateCheckpoint({ clock }), counting.checkpoint],
      { version: () => access.version(), refused: counting.refused },
    );
    const { HEDDLE_WIRE: wire, HEDDLE_LOCALITY: locality } = config;
    const way = { wire, locality, self, neighbours, instanceId };
    const carriers = createCarriers({ ...known, ...way, traffic, mirrors, runtime: context, log });
    /** What answers requests that are no RPC, in this order. */
    const doors: readonly Door[] = [
      healthDoor({ ...known, learning, timers }),
      docsDoor({ catalog, version: manifest.version, timers, log }),
      createRestDoor({ catalog, backends: carriers.backends, edge, learning, timers, ids, log }),
    ];
    return {
      implementations: ownServices({
        ...known,
        ...stores,
        rules,
        ruleBook,
        mirrors,
        overload,
        balancing: carriers.balancing,
        learning,
        admission,
        counting,
        clock,
        timers,
        ids,
        log,
      }),
      unmatched: routeCalls({ ...carriers, contracts, edge, traffic, timers, learning, doors, own: OWN }),
      around: createCors(config.HEDDLE_CORS_ORIGINS, timers),
      descriptors: mergeDescriptors(descriptorsOf(OWN), contracts),
      health: mergeHealth({ ...known, own: OWN }),
      drain(reason) {
        remembered.keep();
        carriers.drain(reason);
      },
      async stop() {
        carriers.close();
        ruleBook.live.stop();
        await counting.stop();
      },
    };
  },
});
