import {
  AccessKind,
  RecordErasedSchema,
  RecordSchema,
  type SocialSecurityService,
} from "@heddle/contracts/socialsecurity/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { currentCaller } from "../caller.ts";
import { RECORD_NOT_FOUND } from "../errors.ts";
import { refuseNumberIn } from "../number.ts";
import { erasedRecord, recordMessage, stateOf } from "../record.ts";
import { type Deps, shownRecord } from "./deps.ts";

/** Destroys a number and its key, and keeps the record and the log. Erasing an erased record changes nothing. */
export const eraseRecord =
  (deps: Omit<Deps, "ids">): Handler<typeof SocialSecurityService.method.eraseRecord> =>
  ({ customerId, reason, etag }) => {
    const { records, accesses, store, clock } = deps;
    refuseNumberIn(reason);
    return store.write(async (tx) => {
      const current = await records.findLatest(tx, customerId);
      if (current === undefined) throw fail(RECORD_NOT_FOUND, { customerId });
      const now = clock.now();
      const record = erasedRecord(current, now);
      if (record === current) return { record: recordMessage(record, "") };
      // Only an asked-for check reads the number's seal: one that was damaged can still be erased.
      if (etag !== "") checkEtag(RecordSchema, etag, shownRecord(deps, current).etag);
      await records.erase(tx, record);
      const kind = AccessKind.ERASE;
      await accesses.append(tx, { customerId, kind, caller: currentCaller(), reason, createTime: now });
      await tx.publish(RecordErasedSchema, { customerId, recordId: record.id, state: stateOf(record) });
      return { record: recordMessage(record, "") };
    });
  };
