import { Code } from "@connectrpc/connect";
import { ErrorCode, type ResetCause } from "../wire/index.ts";

/**
 * What a call says of the instance that it went to. `failed`: the instance, or the way to it, is to blame; `late`: its deadline has
 * passed, for which the instance is to blame where it had long enough; `overloaded`: it is well, but has no room; `left`: the caller
 * did not wait for the end, which says nothing.
 */
export type Outcome = "ok" | "failed" | "late" | "overloaded" | "left";

/** What a status says of the instance that sent it: most errors are the caller's own, and mean that all is well. */
export const outcomeOf = (code: Code | undefined): Outcome => {
  switch (code) {
    case Code.Unavailable:
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      return "failed";
    case Code.DeadlineExceeded:
      return "late";
    case Code.ResourceExhausted:
      return "overloaded";
    case Code.Canceled:
      return "left";
    default:
      return "ok";
  }
};

/** What it says of an instance that it, or its connection, has broken a call off. */
export const outcomeOfReset = (code: number, cause: ResetCause): Outcome => {
  if (cause === "unprocessed") return "overloaded";
  if (cause !== "peer") return "failed";
  if (code === ErrorCode.ENHANCE_YOUR_CALM) return "overloaded";
  return code === ErrorCode.CANCEL ? "left" : "failed";
};
