import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { type Implementation, implementation } from "@heddle/mesh/rpc";
import type { Store } from "@heddle/mesh/store";
import { listDeprecatedUsage } from "../handlers/list-deprecated-usage.ts";
import { listFieldUsage } from "../handlers/list-field-usage.ts";
import { listMethodUsage } from "../handlers/list-method-usage.ts";
import { reportUsage } from "../handlers/report-usage.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type { Usage } from "./usage.ts";

/** What `heddle.usage.v1` answers from. */
export interface UsageServiceDeps {
  readonly store: Store;
  readonly usage: UsageStore;
  readonly counting: Usage;
  readonly contracts: Contracts;
}

/** `heddle.usage.v1.UsageService`. */
export const usageImplementation = (deps: UsageServiceDeps): Implementation =>
  implementation(UsageService, {
    reportUsage: reportUsage(deps),
    listMethodUsage: listMethodUsage(deps),
    listFieldUsage: listFieldUsage(deps),
    listDeprecatedUsage: listDeprecatedUsage(deps),
  });
