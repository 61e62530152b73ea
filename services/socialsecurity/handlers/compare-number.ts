import { AccessKind } from "@heddle/contracts/socialsecurity/v1";
import type { Tx } from "@heddle/mesh/store";
import { currentCaller } from "../caller.ts";
import { NO_MISMATCHES, oneMoreMismatch, refuseWhileResting } from "../mismatches.ts";
import type { LiveRecord } from "../record.ts";
import type { Deps } from "./deps.ts";

/** What a comparison came to. */
export interface Comparison {
  readonly matched: boolean;
  /** The record with its count of mismatches as it is now, which is not stored yet. */
  readonly record: LiveRecord;
}

/**
 * Compares a number, by its blind index, with that of a record, and logs it. Every comparison goes through here, whatever the
 * call is named: each is a guess. Throws MISMATCHES_EXHAUSTED before it compares, and then logs nothing.
 */
export const compareNumber = async (
  tx: Tx,
  { accesses, vault, clock }: Pick<Deps, "accesses" | "vault" | "clock">,
  record: LiveRecord,
  blindIndex: Uint8Array,
): Promise<Comparison> => {
  const { customerId } = record;
  const nowMs = clock.nowMs();
  refuseWhileResting(record.mismatches, customerId, nowMs);
  const matched = vault.isSame(record.sealed.blindIndex, blindIndex);
  const kind = matched ? AccessKind.VERIFY_MATCH : AccessKind.VERIFY_MISMATCH;
  await accesses.append(tx, { customerId, kind, caller: currentCaller(), reason: "", createTime: clock.now() });
  const mismatches = matched ? NO_MISMATCHES : oneMoreMismatch(record.mismatches, nowMs);
  return { matched, record: { ...record, mismatches } };
};
