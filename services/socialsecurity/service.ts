import { CustomerService } from "@heddle/contracts/customer/v1";
import {
  NumberRegisteredSchema,
  NumberVerifiedSchema,
  RecordErasedSchema,
  SocialSecurityService,
} from "@heddle/contracts/socialsecurity/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService } from "@heddle/mesh/service";
import { followDeletions } from "./follow-deletions.ts";
import { eraseRecord } from "./handlers/erase-record.ts";
import { getRecord } from "./handlers/get-record.ts";
import { listAccesses } from "./handlers/list-accesses.ts";
import { registerNumber } from "./handlers/register-number.ts";
import { revealNumber } from "./handlers/reveal-number.ts";
import { verifyNumber } from "./handlers/verify-number.ts";
import { KEY_VARIABLES } from "./key-ring.ts";
import { openKeys } from "./open-keys.ts";
import manifest from "./package.json" with { type: "json" };
import { startRewrapping } from "./rewrap.ts";
import { accessLog, deletionStore, keyStore, recordStore } from "./store.ts";
import { createVault } from "./vault.ts";

export const socialSecurity = defineService({
  name: "socialsecurity",
  version: manifest.version,
  migrations: new URL("./migrations/", import.meta.url),
  config: KEY_VARIABLES,
  publishes: [NumberRegisteredSchema, NumberVerifiedSchema, RecordErasedSchema],
  async implement({ store, clock, ids, random, log, config, client, leases }) {
    const developmentFile = `${config.HEDDLE_DATA}/socialsecurity/dev-keys.json`;
    const ring = await openKeys({ config, developmentFile, keys: keyStore(), store, clock, random, log });
    const vault = createVault(ring, random);
    const stores = { records: recordStore(), accesses: accessLog(), deletions: deletionStore() };
    const deps = { ...stores, vault, store, clock, ids };
    const previousKeyId = ring.previous?.id;
    if (previousKeyId !== undefined)
      leases.hold("rewrap", (lease) => startRewrapping({ ...deps, store: lease.store, log }, previousKeyId));
    return {
      implementations: [
        implementation(SocialSecurityService, {
          registerNumber: registerNumber(deps),
          verifyNumber: verifyNumber(deps),
          getRecord: getRecord(deps),
          revealNumber: revealNumber(deps),
          eraseRecord: eraseRecord(deps),
          listAccesses: listAccesses(deps),
        }),
      ],
      subscriptions: [followDeletions({ ...stores, clock, customers: client(CustomerService) })],
    };
  },
});
