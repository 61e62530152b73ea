import type { ContractService } from "@heddle/contracts/heddle/contract/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
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
  }): Handler<typeof ContractService.method.revokeOverride> =>
  ({ overrideId }) => {
    const { store, overrides, clock } = deps;
    const nowMs = clock.nowMs();
    return store.write(async (tx) => {
      await overrides.revoke(tx, overrideId, nowMs);
      const override = await overrides.byId(tx, overrideId, nowMs);
      if (override === undefined) throw fail(OVERRIDE_NOT_FOUND, { overrideId });
      return { override };
    });
  };
