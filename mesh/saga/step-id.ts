import { createHash } from "node:crypto";

/** The namespace of the ids of steps; any UUID, as long as it never changes. */
const NAMESPACE = Buffer.from("0d3c5e7a1f9b4c2e8a6d4b2f0e1c3a59", "hex");

/**
 * The id of one step of one saga: a UUID made of both (RFC 9562, version 5), so that every attempt, also by another process after a
 * crash, sends the same `request_id`.
 */
export const stepIdOf = (sagaId: string, step: string): string => {
  const bytes = createHash("sha1").update(NAMESPACE).update(`${sagaId}:${step}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
