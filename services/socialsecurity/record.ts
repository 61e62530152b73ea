import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Record, RecordSchema, RecordState } from "@heddle/contracts/socialsecurity/v1";
import { etagOf, fail } from "@heddle/mesh/contract";
import { RECORD_ERASED, RECORD_NOT_FOUND } from "./errors.ts";
import { type Mismatches, NO_MISMATCHES } from "./mismatches.ts";
import { maskNumber } from "./number.ts";
import type { SealedNumber } from "./vault.ts";

/** A record as this service keeps it: what the contract shows of it, and the number under its seal. */
export interface NumberRecord {
  readonly id: string;
  readonly customerId: string;
  /** Undefined once erased. */
  readonly sealed: SealedNumber | undefined;
  readonly mismatches: Mismatches;
  readonly createTime: Timestamp;
  readonly updateTime: Timestamp;
  /** When the number was first verified. */
  readonly verifyTime: Timestamp | undefined;
  readonly eraseTime: Timestamp | undefined;
}

/** A record whose number can be compared and opened. */
export type LiveRecord = NumberRecord & { readonly sealed: SealedNumber };

/** A record of a number that was handed in once. */
export const newRecord = (
  { id, customerId }: { id: string; customerId: string },
  sealed: SealedNumber,
  now: Timestamp,
): LiveRecord => ({
  id,
  customerId,
  sealed,
  mismatches: NO_MISMATCHES,
  createTime: now,
  updateTime: now,
  verifyTime: undefined,
  eraseTime: undefined,
});

/** The record after a match, or the same object when it was verified before. */
export const verifiedRecord = (record: LiveRecord, now: Timestamp): LiveRecord =>
  record.verifyTime === undefined ? { ...record, verifyTime: now, updateTime: now } : record;

/** The record without its number, or the same object when it is erased already. */
export const erasedRecord = (record: NumberRecord, now: Timestamp): NumberRecord =>
  record.eraseTime === undefined
    ? { ...record, sealed: undefined, mismatches: NO_MISMATCHES, eraseTime: now, updateTime: now }
    : record;

export const isLive = (record: NumberRecord | undefined): record is LiveRecord => record?.sealed !== undefined;

/** The record itself when its number can be used. Throws RECORD_NOT_FOUND, RECORD_ERASED. */
export const requireLive = (record: NumberRecord | undefined, customerId: string): LiveRecord => {
  if (record === undefined) throw fail(RECORD_NOT_FOUND, { customerId });
  if (!isLive(record)) throw fail(RECORD_ERASED, { customerId });
  return record;
};

export const stateOf = ({ eraseTime, verifyTime }: NumberRecord): RecordState => {
  if (eraseTime !== undefined) return RecordState.ERASED;
  return verifyTime === undefined ? RecordState.REGISTERED : RecordState.VERIFIED;
};

/** What the contract shows of a record. `lastFour`: the number's last digits; ignored for an erased one. */
export const recordMessage = (record: NumberRecord, lastFour: string): Record => {
  const { id, customerId, createTime, updateTime, verifyTime, eraseTime } = record;
  const message = create(RecordSchema, {
    id,
    customerId,
    maskedNumber: isLive(record) ? maskNumber(lastFour) : "",
    state: stateOf(record),
    createTime,
    updateTime,
    ...(verifyTime && { verifyTime }),
    ...(eraseTime && { eraseTime }),
  });
  message.etag = etagOf(RecordSchema, message);
  return message;
};
