import { createHash } from "node:crypto";

/** The namespace of this service's derived ids; any UUID, as long as it never changes. */
const NAMESPACE = Buffer.from("6c1f0a5e94d24b0d8f3a5d1b7e2c9a40", "hex");

/** What this service asks of billing under a request id. */
type Request = "authorize" | "refund";

/**
 * The request id of one request for one order: a UUID made from both (RFC 9562, version 5), so that every repetition, also by
 * another process after a crash, is the same request to billing and nothing is charged or refunded twice.
 */
export const requestIdFor = (request: Request, orderId: string): string => {
  const bytes = createHash("sha1").update(NAMESPACE).update(`${request}:${orderId}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
