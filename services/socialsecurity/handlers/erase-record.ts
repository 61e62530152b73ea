import { RecordSchema, type SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { checkEtag, fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import { currentCaller } from "../caller.ts";
import { eraseNumber } from "../erase-number.ts";
import { RECORD_NOT_FOUND } from "../errors.ts";
import { refuseNumberIn } from "../number.ts";
import { isLive, recordMessage } from "../record.ts";
import { type Deps, shownRecord } from "./deps.ts";

/** Destroys a number and its key, and keeps the record and the log. Erasing an erased record changes nothing. */
export const eraseRecord =
  (deps: Omit<Deps, "ids" | "deletions">): Handler<typeof SocialSecurityService.method.eraseRecord> =>
  ({ customerId, reason, etag }) => {
    refuseNumberIn(reason);
    return deps.store.write(async (tx) => {
      const current = await deps.records.findLatest(tx, customerId);
      if (current === undefined) throw fail(RECORD_NOT_FOUND, { customerId });
      // Only an asked-for check reads the number's seal: one that was damaged can still be erased.
      if (etag !== "" && isLive(current)) checkEtag(RecordSchema, etag, shownRecord(deps, current).etag);
      const erasure = { caller: currentCaller(), reason, now: deps.clock.now() };
      return { record: recordMessage(await eraseNumber(tx, deps, current, erasure), "") };
    });
  };
