import { ANONYMOUS, LOCAL, notLocalBecause } from "@heddle/mesh/identity";
import type { Checkpoint } from "./edge.ts";

/** Finds out who makes the calls, for the checkpoints behind it. */
export const accessCheckpoint = (): Checkpoint => ({
  prepare({ headers, peer, facts }) {
    facts.caller = notLocalBecause(headers, peer) === undefined ? LOCAL : ANONYMOUS;
    return undefined;
  },
});
