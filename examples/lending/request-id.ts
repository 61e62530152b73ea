import { createHash } from "node:crypto";

/** The namespace of the ids below; any UUID, as long as it never changes. */
const NAMESPACE = Buffer.from("b7f3c7a2d0e14d6e9a4f2c8e5b1d7a63", "hex");

/**
 * A UUID made from names (RFC 9562, version 5): the same names give the same request id, so that a run that is repeated sends
 * the requests that it sent before, and each takes effect once.
 */
export const requestId = (...names: string[]): string => {
  const bytes = createHash("sha1").update(NAMESPACE).update(JSON.stringify(names)).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
