import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { AccessKind, RecordErasedSchema } from "@heddle/contracts/socialsecurity/v1";
import type { Tx } from "@heddle/mesh/store";
import { erasedRecord, type NumberRecord, stateOf } from "./record.ts";
import type { AccessLog, RecordStore } from "./store.ts";

/** Who erases, why and when. */
export interface Erasure {
  readonly caller: string;
  readonly reason: string;
  readonly now: Timestamp;
}

/**
 * Destroys the number of a record and its key, logs it and publishes it; returns the record as it is then. An erased record is
 * returned as it is, and nothing is logged.
 */
export const eraseNumber = async (
  tx: Tx,
  { records, accesses }: { readonly records: RecordStore; readonly accesses: AccessLog },
  current: NumberRecord,
  { caller, reason, now }: Erasure,
): Promise<NumberRecord> => {
  const record = erasedRecord(current, now);
  if (record === current) return current;
  const { id: recordId, customerId, verifyTime } = record;
  await records.erase(tx, record);
  await accesses.append(tx, { customerId, kind: AccessKind.ERASE, caller, reason, createTime: now });
  await tx.publish(RecordErasedSchema, {
    customerId,
    recordId,
    state: stateOf(record),
    ...(verifyTime && { verifyTime }),
  });
  return record;
};
