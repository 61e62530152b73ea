import type { OverloadGuard } from "@heddle/mesh/rpc";
import type { Checkpoint } from "./edge.ts";

/** Sheds calls when the gateway has more to carry than it can: who is let in is known by then, and nothing was done for them yet. */
export const overloadCheckpoint = (guard: OverloadGuard): Checkpoint => ({
  prepare({ method, headers, peer, facts }) {
    const guarded = guard.enter(method, headers, peer, () => facts.caller);
    return () => guarded.check();
  },
});
