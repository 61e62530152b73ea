import { ConnectError } from "@connectrpc/connect";
import { type ErrorInfo, ErrorInfoSchema } from "@heddle/contracts/google/rpc";

/** What another service says of its refusal when it refused for one of `reasons`. */
export const refusedFor = (error: unknown, domain: string, ...reasons: readonly string[]): ErrorInfo | undefined =>
  ConnectError.from(error)
    .findDetails(ErrorInfoSchema)
    .find((info) => info.domain === domain && reasons.includes(info.reason));
