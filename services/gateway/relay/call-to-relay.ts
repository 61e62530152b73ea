import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream } from "@heddle/mesh/wire";
import type { EndlessCalls } from "./endless-calls.ts";
import type { HangGuard } from "./hang-guard.ts";
import type { Route } from "./relay.ts";
import type { Upstreams } from "./upstreams.ts";

/** What all relayed calls share. */
export interface RelayDeps {
  readonly upstreams: Upstreams;
  readonly timers: Timers;
  readonly guard: HangGuard;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Ends calls that would go on for ever when the gateway drains. */
  readonly endless: EndlessCalls;
  /** Calls that have a deadline, and are no exchange of one message for another: it may be an hour off. */
  readonly streams: EndlessCalls;
}

/** One call as it came. */
export interface CallToRelay {
  /** The caller's end. */
  readonly stream: HttpStream;
  readonly headers: HeaderList;
  readonly end: boolean;
  readonly route: Route;
  /** What the instance is sent as headers. */
  readonly sent: HeaderList;
  readonly extra: readonly string[];
  /** Times that the caller has sent it before. */
  readonly previousAttempts: number;
}

/** The calls that are told when the gateway drains, for one of this route; undefined: it may finish. */
export const toldAtDrain = (
  { endless, streams }: RelayDeps,
  { timeoutMs, isUnary }: Route,
): EndlessCalls | undefined => {
  if (timeoutMs === undefined) return endless;
  return isUnary ? undefined : streams;
};
