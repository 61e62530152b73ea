import type { Endpoint } from "./endpoint.ts";
import type { Outcome } from "./outcome.ts";

/** What to avoid for a call that was sent before by somebody who does not say where: nobody, but one that is silent sooner than else. */
export const SOMEWHERE: readonly string[] = [""];

/** Chooses among endpoints. */
export interface Picker {
  /**
   * The one that the next call goes to, another than those whose addresses are in `avoid`, where the call was before, if there is one;
   * undefined: there is none at all. Allocates nothing.
   */
  pick(avoid?: readonly string[]): Candidate | undefined;
}

/** Chooses among the endpoints of one service. Pure: what it knows is what it is told, its clock and its chance. */
export interface Balancer extends Picker {
  /** The endpoints from now on; what was learned of those that stay is kept. */
  update(endpoints: readonly Endpoint[]): void;
  /**
   * Chooses among those alone that are fit, such as those of one version, by what is learned of all. To be kept: `fits` is asked
   * again after a change only.
   */
  among(fits: (endpoint: Endpoint) => boolean): Picker;
  /** How each endpoint does, in the order of the last update. */
  describe(): readonly EndpointReport[];
}

/** An endpoint as its balancer sees it. One object for each, for as long as it is there. */
export interface Candidate {
  readonly endpoint: Endpoint;
  /** A call is sent to it. */
  begin(): void;
  /** The call's request was sent to its end. Returns what `answered`, or else `end`, must be told: what the wait is measured from. */
  sent(): number;
  /** The call's answer has begun. Not told of streams, which begin to answer when there is something to say. */
  answered(sent: number): void;
  /** The call is over; once for each `begin`. `sent`: what `sent` has returned, where no answer has begun since. */
  end(outcome: Outcome, sent?: number): void;
}

/** How an endpoint does, for those who look after it. */
export interface EndpointReport {
  readonly endpoint: Endpoint;
  /** Calls on their way. */
  readonly inFlight: number;
  /** Milliseconds that its answers take, peaks first; undefined while none has come. */
  readonly latencyMs: number | undefined;
  /** How many times as dear as its latency says it is taken to be, for its last failures; 1: there were none. */
  readonly penalty: number;
  /** `warming`: new, with a growing share; `ejected`: without calls; `probed`: ejected until one call, on its way, comes back well. */
  readonly state: "well" | "warming" | "ejected" | "probed";
  /** Why it was ejected. */
  readonly why: string | undefined;
  /** Milliseconds until it is probed; 0: by the next call. */
  readonly ejectedForMs: number | undefined;
}
