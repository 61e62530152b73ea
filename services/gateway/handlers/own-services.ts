import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { ContractService } from "@heddle/contracts/heddle/contract/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import type { Logger } from "@heddle/mesh/observe";
import { type Implementation, implementation, type OverloadGuard } from "@heddle/mesh/rpc";
import type { Runtime } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { Admission } from "../admission/admission.ts";
import type { Mirrors } from "../mirror/mirrors.ts";
import type { Balancing } from "../registry/balancing.ts";
import type { Catalog } from "../registry/catalog.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { Instances } from "../registry/instances.ts";
import type { Learning } from "../registry/learning.ts";
import type { AdmissionStore } from "../store/admission-store.ts";
import type { ContractStore } from "../store/contract-store.ts";
import type { OverrideStore } from "../store/override-store.ts";
import type { RuleStore } from "../store/rule-store.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type { RuleBook } from "../traffic/rule-book.ts";
import { usageCallers } from "../usage/callers.ts";
import type { Usage } from "../usage/usage.ts";
import { checkContracts } from "./check-contracts.ts";
import { createOverride } from "./create-override.ts";
import { createRules } from "./create-rules.ts";
import { endRules } from "./end-rules.ts";
import { getContract } from "./get-contract.ts";
import { getPolicy } from "./get-policy.ts";
import { listAdmissions } from "./list-admissions.ts";
import { listComparisons } from "./list-comparisons.ts";
import { listDeprecatedUsage } from "./list-deprecated-usage.ts";
import { listFieldUsage } from "./list-field-usage.ts";
import { listInstances } from "./list-instances.ts";
import { listMethodUsage } from "./list-method-usage.ts";
import { listOverrides } from "./list-overrides.ts";
import { listPackages } from "./list-packages.ts";
import { listRules } from "./list-rules.ts";
import { listServices } from "./list-services.ts";
import { register } from "./register.ts";
import { reportUsage } from "./report-usage.ts";
import { revokeOverride } from "./revoke-override.ts";
import { watch } from "./watch.ts";
import { watchRules } from "./watch-rules.ts";

/** What the gateway answers itself, and no instance may: its own services, and health and reflection of the whole mesh. */
export const OWN = [
  RegistryService,
  ContractService,
  UsageService,
  TrafficService,
  Health,
  ServerReflection,
  ServerReflectionAlpha,
];

/** What the gateway's own services answer from. */
export interface OwnServicesDeps extends Pick<Runtime, "clock" | "timers" | "ids"> {
  readonly instances: Instances;
  readonly learning: Learning;
  readonly contracts: Contracts;
  readonly catalog: Catalog;
  readonly balancing: Balancing;
  readonly admission: Admission;
  readonly counting: Usage;
  readonly store: Store;
  readonly kept: ContractStore;
  readonly admissions: AdmissionStore;
  readonly overrides: OverrideStore;
  readonly usage: UsageStore;
  readonly rules: RuleStore;
  readonly ruleBook: RuleBook;
  readonly mirrors: Pick<Mirrors, "comparisons">;
  readonly overload: Pick<OverloadGuard, "describe">;
  readonly log: Logger;
}

export const ownServices = (deps: OwnServicesDeps): readonly Implementation[] => [
  implementation(RegistryService, {
    register: register({ ...deps, reserved: OWN }),
    watch: watch(deps),
    listServices: listServices(deps),
    listInstances: listInstances(deps),
    getContract: getContract(deps),
  }),
  implementation(ContractService, {
    listPackages: listPackages(deps),
    listAdmissions: listAdmissions(deps),
    checkContracts: checkContracts({ ...deps, callers: usageCallers(deps) }),
    createOverride: createOverride(deps),
    listOverrides: listOverrides(deps),
    revokeOverride: revokeOverride(deps),
  }),
  implementation(UsageService, {
    reportUsage: reportUsage(deps),
    listMethodUsage: listMethodUsage(deps),
    listFieldUsage: listFieldUsage(deps),
    listDeprecatedUsage: listDeprecatedUsage(deps),
  }),
  implementation(TrafficService, {
    createRules: createRules(deps),
    endRules: endRules(deps),
    listRules: listRules(deps),
    watchRules: watchRules(deps),
    listComparisons: listComparisons(deps),
    getPolicy: getPolicy({ ...deps, own: OWN }),
  }),
];
