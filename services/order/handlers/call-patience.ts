import { currentCall } from "@heddle/mesh/rpc";
import type { Patience } from "../attempt.ts";

/** Work that ends with the call that it is done for. */
export const callPatience = (): Patience => {
  const call = currentCall();
  return { endMs: call?.deadlineMs ?? Number.POSITIVE_INFINITY, signal: call?.signal };
};
