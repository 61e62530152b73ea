import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Access, type AccessKind, AccessKindSchema, AccessSchema } from "@heddle/contracts/socialsecurity/v1";

/** What is written down about one touch of a number. */
export interface Touch {
  readonly customerId: string;
  readonly kind: AccessKind;
  readonly caller: string;
  /** Empty where the contract asks for none. */
  readonly reason: string;
  readonly createTime: Timestamp;
}

/** The end of a chain: what the next entry is chained to. */
export type ChainEnd = Pick<Access, "sequence" | "hash">;

/** What the first entry is chained to. */
export const CHAIN_START: ChainEnd = { sequence: 0n, hash: "0".repeat(64) };

/** The entry that comes after `last` in the chain. */
export const nextAccess = (last: ChainEnd, touch: Touch): Access => {
  const access = create(AccessSchema, { ...touch, sequence: last.sequence + 1n, previousHash: last.hash });
  access.hash = accessHash(access);
  return access;
};

/** Where a chain breaks. */
export interface Break {
  /** The entry that is not as it was written, or the one that stands where another should. */
  readonly sequence: bigint;
  readonly problem: string;
}

/**
 * The first entry that was changed, taken out or put in since it was written; undefined when the chain holds. `accesses` are
 * consecutive entries of ListAccesses without a filter, `after` the one before them. Nothing but a copy of the last entry,
 * kept elsewhere, shows that entries are missing at the end.
 */
export const findBreak = (accesses: Iterable<Access>, after: ChainEnd = CHAIN_START): Break | undefined => {
  let last = after;
  for (const access of accesses) {
    const { sequence } = access;
    if (sequence !== last.sequence + 1n) return { sequence, problem: `follows entry ${last.sequence}` };
    if (access.previousHash !== last.hash) return { sequence, problem: "is not chained to the entry before it" };
    if (access.hash !== accessHash(access)) return { sequence, problem: "is not what it was when it was written" };
    last = access;
  }
  return undefined;
};

/** As the contract of `Access.hash` says, so that anyone can compute it. */
const accessHash = ({ previousHash, sequence, customerId, kind, caller, reason, createTime }: Access): string => {
  const time = createTime === undefined ? "" : new Date(timestampMs(createTime)).toISOString();
  const entry = [previousHash, String(sequence), customerId, kindName(kind), caller, reason, time];
  return createHash("sha256").update(JSON.stringify(entry)).digest("hex");
};

export const kindName = (kind: AccessKind): string => AccessKindSchema.value[kind]?.name ?? String(kind);

export const kindOf = (name: string): AccessKind =>
  (AccessKindSchema.values.find((value) => value.name === name)?.number ?? 0) as AccessKind;
