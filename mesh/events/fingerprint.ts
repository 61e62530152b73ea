import { crc32 } from "node:zlib";

/** What a fingerprint is made of. */
export interface Fingerprinted {
  readonly type: string;
  readonly key: string;
  readonly payload: Uint8Array;
  readonly createTimeMs: bigint;
  readonly traceparent: string | null;
}

/**
 * Eight bytes that tell an event from another one that has its sequence in a feed that was restored and went on. Against mistakes,
 * not against forgers: a subscriber trusts the feed that it follows.
 */
export const fingerprintOf = ({ type, key, payload, createTimeMs, traceparent }: Fingerprinted): Uint8Array => {
  const head = crc32(`${type}\n${key}\n${createTimeMs}\n${traceparent ?? ""}`);
  const fingerprint = Buffer.alloc(8);
  fingerprint.writeUInt32BE(head, 0);
  fingerprint.writeUInt32BE(crc32(payload, head), 4);
  return fingerprint;
};
