import { GRPC_STATUS } from "../rpc/grpc-status.ts";
import { AcquireError } from "../rpc/index.ts";
import type { HeaderList, ResetCause } from "../wire/index.ts";
import type { Candidate } from "./balancer.ts";
import { type Outcome, outcomeOf, outcomeOfReset } from "./outcome.ts";

/** Tells the balancer what a call says of the instance that it went to: once for each that it was sent to. */
export class CallReport {
  readonly #isTimed: boolean;
  #candidate: Candidate | undefined = undefined;
  /** What the balancer measures the wait for the answer from: since the request was sent, until the answer has begun. */
  #sent: number | undefined = undefined;
  #head: HeaderList | undefined = undefined;

  /** `isTimed`: how long its answer takes is the instance's doing, as it is where the answer is one message. */
  constructor(isTimed: boolean) {
    this.#isTimed = isTimed;
  }

  begin(candidate: Candidate): void {
    this.#candidate = candidate;
    this.#head = undefined;
    candidate.begin();
  }

  /** The whole request was sent: what follows is the instance's time. */
  requestEnded(): void {
    if (this.#isTimed) this.#sent ??= this.#candidate?.sent();
  }

  /** The answer has begun. */
  answered(head: HeaderList): void {
    this.#head = head;
    if (this.#sent === undefined) return;
    this.#candidate?.answered(this.#sent);
    this.#sent = undefined;
  }

  /** The answer is complete: an answer without a status is none. `trailers`: undefined where there were none. */
  answerEnded(trailers: HeaderList | undefined): void {
    // One that is an error alone is an answer all the same.
    if (this.#sent !== undefined) this.#candidate?.answered(this.#sent);
    this.#sent = undefined;
    const status = trailers?.get(GRPC_STATUS) ?? this.#head?.get(GRPC_STATUS);
    this.end(status === "0" ? "ok" : status === undefined ? "failed" : outcomeOf(Number(status)));
  }

  /** The instance, or its connection, has broken the call off. */
  brokenOff(code: number, cause: ResetCause): void {
    this.end(outcomeOfReset(code, cause));
  }

  /** There was no connection to be had. */
  notConnected(cause: unknown): void {
    this.end(outcomeOfAcquire(cause));
  }

  /** The call is over, if it was not before. */
  end(outcome: Outcome): void {
    const candidate = this.#candidate;
    const sent = this.#sent;
    this.#candidate = undefined;
    this.#sent = undefined;
    candidate?.end(outcome, sent);
  }
}

/** What it says of an instance that no connection to it was to be had; where too many wait for one, it has no room. */
export const outcomeOfAcquire = (cause: unknown): Outcome =>
  cause instanceof AcquireError && cause.reason === "exhausted" ? "overloaded" : "failed";
