import { type AccessGuard, permissionOf } from "@heddle/mesh/identity";
import type { Checkpoint } from "./edge.ts";

/** Lets in whom the contract of a method lets in, and tells the checkpoints behind it who that is. */
export const accessCheckpoint = (guard: AccessGuard): Checkpoint => ({
  prepare({ method, headers, peer, facts }) {
    const entry = guard.enter(permissionOf(method), headers, peer);
    const refusal = entry.check();
    facts.caller = entry.caller;
    // Nothing about these calls can change before the version of the edge does, and then they are prepared anew.
    if (refusal === undefined && entry.caller.expiresMs === Number.POSITIVE_INFINITY) return undefined;
    return () => {
      const error = entry.check();
      facts.caller = entry.caller;
      return error;
    };
  },
});
