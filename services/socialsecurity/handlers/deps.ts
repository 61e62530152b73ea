import type { Record } from "@heddle/contracts/socialsecurity/v1";
import type { Clock, Ids } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import { isLive, type NumberRecord, recordMessage } from "../record.ts";
import type { AccessLog, DeletionStore, RecordStore } from "../store.ts";
import type { Vault } from "../vault.ts";

/** What the handlers of this service work with. */
export interface Deps {
  readonly records: RecordStore;
  readonly accesses: AccessLog;
  readonly deletions: DeletionStore;
  readonly vault: Vault;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** What the contract shows of a record. Opens its last four digits, never the number. */
export const shownRecord = ({ vault }: Pick<Deps, "vault">, record: NumberRecord): Record =>
  recordMessage(record, isLive(record) ? vault.openLastFour(record.sealed, record) : "");
