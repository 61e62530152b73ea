import { usageFailure } from "./failure.ts";

/** What the protocols set themselves. */
const RESERVED = /^(:|grpc-|connect-|content-|te$|host$|connection$|transfer-encoding$)/i;

/** The headers of `-H 'name: value'`, for commander: adds one to those before. Throws a usage failure for what is none. */
export const addHeader = (text: string, before: Headers = new Headers()): Headers => {
  const colon = text.indexOf(":", 1);
  const name = text.slice(0, Math.max(0, colon)).trim();
  const problem = colon < 0 ? "has no colon" : RESERVED.test(name) ? "is set by the protocol" : undefined;
  if (problem !== undefined) throw usageFailure(`Header "${text}" ${problem}.`, NEXT);
  const headers = new Headers(before);
  try {
    headers.append(name, text.slice(colon + 1).trim());
  } catch {
    throw usageFailure(`Header "${text}" has characters that no header may have.`, NEXT);
  }
  return headers;
};

const NEXT = "Write -H 'name: value'; a binary header's name ends in -bin, and its value is base64.";
