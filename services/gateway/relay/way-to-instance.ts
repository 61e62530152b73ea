import type { ConnectError } from "@connectrpc/connect";
import { CallReport, type Candidate } from "@heddle/mesh/discovery";
import type { ConcurrencyLimit } from "@heddle/mesh/policy";
import type { HttpStream, Session } from "@heddle/mesh/wire";
import { busy, unreachable } from "../routing/try-later.ts";
import type { Route } from "./relay.ts";
import { LOOKS_MAX, type Upstreams } from "./upstreams.ts";

/** Times that a call is sent: an instance that did not begin it is not asked for ever. */
const ATTEMPTS_MAX = 3;

/** Who wants to reach an instance. */
export interface Traveller {
  /** A stream is to be opened on the session at once. */
  connected(session: Session): void;
  notConnected(error: ConnectError): void;
}

/**
 * One call's way to an instance: which one it is, its place among the calls that one takes at once, and a connection to it. The
 * place is taken before anything is sent, and free again when the call has left or the instance is rid of its stream.
 */
export class WayToInstance {
  /** To be told what the instance makes of the call. */
  readonly report: CallReport;
  readonly #upstreams: Upstreams;
  readonly #route: Route;
  readonly #traveller: Traveller;
  #candidate: Candidate;
  /** Where it was sent, or could not be for want of room, before. */
  #tried: string[] | undefined = undefined;
  #load: ConcurrencyLimit | undefined = undefined;
  #attempts = 0;
  /** Calls off the wait for a connection. */
  #waiting: AbortController | undefined = undefined;

  constructor(upstreams: Upstreams, route: Route, traveller: Traveller) {
    this.#upstreams = upstreams;
    this.#route = route;
    this.#traveller = traveller;
    this.#candidate = route.candidate;
    this.report = new CallReport(route.isUnary);
  }

  /** True while the call may be sent once more. */
  get mayGoAgain(): boolean {
    return this.#attempts < ATTEMPTS_MAX;
  }

  /** @throws TypeError when the address is none. */
  go(): void {
    if (!this.#enter()) {
      const refusal = busy(this.#route.service, this.#upstreams.load(this.#address).max);
      this.#route.refused?.(refusal);
      this.#traveller.notConnected(refusal);
      return;
    }
    this.#attempts++;
    this.report.begin(this.#candidate);
    const pool = this.#upstreams.to(this.#address);
    const session = pool.acquireNow();
    if (session !== undefined) {
      this.#traveller.connected(session);
      return;
    }
    const waiting = new AbortController();
    this.#waiting = waiting;
    Promise.resolve(pool.acquire(waiting.signal)).then(
      (acquired) => {
        this.#waiting = undefined;
        if (!waiting.signal.aborted) this.#traveller.connected(acquired);
      },
      (cause: unknown) => {
        this.#waiting = undefined;
        if (waiting.signal.aborted) return;
        this.report.notConnected(cause);
        this.goElsewhere(cause);
      },
    );
  }

  /** Nothing was sent: another instance may do. */
  goElsewhere(cause: unknown): void {
    this.report.end("left");
    const other = this.mayGoAgain ? this.#another() : undefined;
    if (other === undefined) this.#traveller.notConnected(this.unreachable(cause));
    else this.#goTo(other);
  }

  /** The instance did not begin the call: to another, or the same where there is none. */
  goAgain(): void {
    this.#goTo(this.#another() ?? this.#candidate);
  }

  /** Another instance than those that the call was sent to; undefined: there is none. */
  elsewhere(): Candidate | undefined {
    return this.#another();
  }

  /** To another instance, of one that has begun the call and failed it. */
  goTo(other: Candidate): void {
    this.#goTo(other);
  }

  /** Ends the stream to the instance, which may have to do with it for a while: it stays counted until then. */
  reset(instance: HttpStream, code: number): void {
    this.#upstreams.resets(this.#address).reset(instance, code, this.#load);
    this.#load = undefined;
  }

  /** The call is over. */
  leave(): void {
    this.report.end("left");
    this.#load?.leave();
    this.#load = undefined;
    this.#waiting?.abort();
  }

  unreachable(cause: unknown): ConnectError {
    return unreachable(this.#route.service, cause);
  }

  get #address(): string {
    return this.#candidate.endpoint.address;
  }

  /** One where the call was not before. */
  #another(): Candidate | undefined {
    this.#tried ??= [];
    this.#tried.push(this.#address);
    const other = this.#route.another?.(this.#tried);
    return other !== undefined && this.#tried.includes(other.endpoint.address) ? undefined : other;
  }

  #goTo(candidate: Candidate): void {
    this.#candidate = candidate;
    try {
      this.go();
    } catch (cause) {
      this.#traveller.notConnected(this.unreachable(cause));
    }
  }

  /** Takes a place at the instance, or at another when it has as many calls as it may. */
  #enter(): boolean {
    this.#load?.leave();
    this.#load = undefined;
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const load = this.#upstreams.load(this.#address);
      if (load.enter()) {
        this.#load = load;
        return true;
      }
      const other = this.#another();
      if (other === undefined) return false;
      this.#candidate = other;
    }
    return false;
  }
}
