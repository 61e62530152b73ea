import type { Endpoint } from "./endpoint.ts";
import type { Outcome } from "./outcome.ts";

/** Chooses among the endpoints of one service. Pure: what it knows is what it is told, its clock and its chance. */
export interface Balancer {
  /** The endpoints from now on; what was learned of those that stay is kept. */
  update(endpoints: readonly Endpoint[]): void;
  /** The one that the next call goes to, another than those whose addresses are in `avoid` where there is one; undefined: there is none at all. */
  pick(avoid?: readonly string[]): Candidate | undefined;
}

/** An endpoint as its balancer sees it. One object for each, for as long as it is there: picking one allocates nothing. */
export interface Candidate {
  readonly endpoint: Endpoint;
  /** A call is sent to it. */
  begin(): void;
  /** The call's answer has begun, after so many milliseconds. Not told when none came. */
  answered(latencyMs: number): void;
  /** The call is over; once for each `begin`. */
  end(outcome: Outcome): void;
}
