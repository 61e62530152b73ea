import type { ConnectError } from "@connectrpc/connect";
import { commonReasons } from "../contract/common-reasons.ts";
import { fail } from "../contract/fail.ts";

/** INVALID_ARGUMENT `REQUEST_MALFORMED` that names a field, or the request as a whole where `field` is empty. */
export const refuseField = (domain: string, field: string, description: string, cause?: unknown): ConnectError =>
  fail(
    commonReasons(domain).REQUEST_MALFORMED,
    { problem: field === "" ? description : `${field} ${description}` },
    { violations: [{ field, description }], cause },
  );
