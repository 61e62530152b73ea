import { type ContractService, OverrideState } from "@heddle/contracts/heddle/contract/v1";
import { fail } from "@heddle/mesh/contract";
import { ANONYMOUS } from "@heddle/mesh/identity";
import type { Logger } from "@heddle/mesh/observe";
import { currentCall, type Handler } from "@heddle/mesh/rpc";
import type { Clock } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import { OVERRIDE_NOT_FOUND } from "../errors.ts";
import type { OverrideStore } from "../store/override-store.ts";

/** Ends an override at once; what it has let in stays in. */
export const revokeOverride =
  (deps: {
    store: Store;
    overrides: OverrideStore;
    clock: Clock;
    log: Logger;
  }): Handler<typeof ContractService.method.revokeOverride> =>
  async ({ overrideId }) => {
    const { store, overrides, clock, log } = deps;
    const nowMs = clock.nowMs();
    const revoker = (currentCall()?.caller ?? ANONYMOUS).id;
    const override = await store.write(async (tx) => {
      await overrides.revoke(tx, overrideId, revoker, nowMs);
      return overrides.byId(tx, overrideId, nowMs);
    });
    if (override === undefined) throw fail(OVERRIDE_NOT_FOUND, { overrideId });
    if (override.state === OverrideState.REVOKED) {
      log.warn({ overrideId, package: override.package, revoker: override.revoker }, "override revoked");
    }
    return { override };
  };
