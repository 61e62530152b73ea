import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ContractService } from "@heddle/contracts/heddle/contract/v1";
import { fail } from "@heddle/mesh/contract";
import { ANONYMOUS } from "@heddle/mesh/identity";
import type { Logger } from "@heddle/mesh/observe";
import { currentCall, type Handler } from "@heddle/mesh/rpc";
import type { Clock, Ids } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import { OVERRIDES_FULL, PACKAGE_NOT_FOUND } from "../errors.ts";
import type { ContractStore } from "../store/contract-store.ts";
import type { OverrideStore } from "../store/override-store.ts";

/** Milliseconds that an override lasts where the request does not say. */
const LIFETIME_MS = 60 * 60_000;
/** Overrides at once: each is an exception that somebody must have in mind. */
const ACTIVE_MAX = 100;

/** Lets one contract in although it breaks callers. The same request_id returns the override that its first call made. */
export const createOverride =
  (deps: {
    store: Store;
    kept: ContractStore;
    overrides: OverrideStore;
    clock: Clock;
    ids: Ids;
    log: Logger;
  }): Handler<typeof ContractService.method.createOverride> =>
  async ({ package: packageName, contractHash, reason, lifetime }) => {
    const { store, kept, overrides, clock, ids, log } = deps;
    const nowMs = clock.nowMs();
    const creator = (currentCall()?.caller ?? ANONYMOUS).id;
    const reply = await store.write(async (tx) => {
      if ((await kept.package(tx, packageName)) === undefined) throw fail(PACKAGE_NOT_FOUND, { packageName });
      const active = await overrides.countActive(tx, nowMs);
      if (active >= ACTIVE_MAX) throw fail(OVERRIDES_FULL, { overrides: active });
      const expireTimeMs = nowMs + (lifetime === undefined ? LIFETIME_MS : durationMs(lifetime));
      const id = ids.next("ovr");
      await overrides.insert(tx, { id, package: packageName, contractHash, reason, expireTimeMs, creator }, nowMs);
      const override = await overrides.byId(tx, id, nowMs);
      return { ...(override && { override }) };
    });
    log.warn({ overrideId: reply.override?.id, package: packageName, contractHash, reason, creator }, "override made");
    return reply;
  };
