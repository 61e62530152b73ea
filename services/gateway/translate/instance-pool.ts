import { type Addressing, type Candidate, outcomeOfAcquire, ReportedSession } from "@heddle/mesh/discovery";
import type { Attempt, ConnectionPool } from "@heddle/mesh/rpc";
import type { Clock } from "@heddle/mesh/runtime";
import type { Session } from "@heddle/mesh/wire";
import { LoadSlot } from "../relay/load-slot.ts";
import { LOOKS_MAX, type Upstreams } from "../relay/upstreams.ts";
import type { MethodRoutes } from "../routing/method-routes.ts";
import { busy, unreachable } from "../routing/try-later.ts";
import { pickAnother } from "../traffic/pick-another.ts";

/** Instances that are asked for a connection before the call fails. */
const ATTEMPTS_MAX = 3;

/** The instances of one method as one pool of connections: each call goes where the balancer sends it, and so does each further attempt. */
export class InstancePool implements ConnectionPool {
  readonly #upstreams: Upstreams;
  readonly #routes: MethodRoutes;
  readonly #path: string;
  readonly #service: string;
  readonly #owner: string | undefined;
  readonly #clock: Clock;
  readonly #addressing: Addressing;
  /** Who was chosen: when no connection is there right away, it is waited for at the same instance. */
  #chosen: Candidate | undefined;

  /** `owner`: the name of the service whose instances are meant. */
  constructor(
    { upstreams, routes, clock }: { upstreams: Upstreams; routes: MethodRoutes; clock: Clock },
    { path, service, owner, isUnary }: { path: string; service: string; owner: string | undefined; isUnary: boolean },
  ) {
    this.#upstreams = upstreams;
    this.#routes = routes;
    this.#path = path;
    this.#service = service;
    this.#owner = owner;
    this.#clock = clock;
    this.#addressing = { of: (headers) => ({ headers, isOneAnswer: isUnary }) };
  }

  acquireNow(attempt?: Attempt): Session | undefined {
    this.#chosen = this.#choose(attempt?.tried, attempt?.version);
    if (this.#chosen === undefined) return undefined;
    const { address } = this.#chosen.endpoint;
    if (this.#upstreams.load(address).isFull) return undefined;
    try {
      const session = this.#upstreams.to(address).acquireNow();
      if (session === undefined) return undefined;
      attempt?.tried.push(address);
      return this.#reported(session, this.#chosen);
    } catch {
      // `acquire` says what is wrong with the address.
      return undefined;
    }
  }

  /** Rejects with the error that the caller is answered with. */
  async acquire(signal?: AbortSignal, attempt?: Attempt): Promise<Session> {
    const tried = attempt?.tried ?? [];
    let candidate = this.#chosen ?? this.#choose(tried, attempt?.version);
    for (let count = 1; ; count++) {
      if (candidate === undefined) throw this.#routes.nobody(this.#service, this.#owner);
      const { address } = candidate.endpoint;
      const load = this.#upstreams.load(address);
      if (load.isFull) throw busy(this.#service, load.max);
      tried.push(address);
      // It counts while it waits: an instance that no connection comes from must not be waited for by all.
      candidate.begin();
      try {
        const session = await this.#upstreams.to(address).acquire(signal);
        candidate.end("left");
        return this.#reported(session, candidate);
      } catch (cause) {
        candidate.end(signal?.aborted ? "left" : outcomeOfAcquire(cause));
        if (signal?.aborted) throw cause;
        const other: Candidate | undefined = count < ATTEMPTS_MAX ? this.#choose(tried, attempt?.version) : undefined;
        if (other === undefined || tried.includes(other.endpoint.address)) throw unreachable(this.#service, cause);
        candidate = other;
      }
    }
  }

  /** The connections belong to others. */
  close(): void {}

  destroy(): void {}

  #reported(session: Session, candidate: Candidate): Session {
    const { address } = candidate.endpoint;
    const load = this.#upstreams.load(address);
    const resets = this.#upstreams.resets(address);
    return new ReportedSession(session, this.#addressing, {
      candidate,
      clock: this.#clock,
      enter: () => new LoadSlot(load, resets),
    });
  }

  /** One of those that take another call, where there are any; of a version, where that has any. */
  #choose(tried: readonly string[] | undefined, version: string | undefined): Candidate | undefined {
    const route = this.#routes.at(this.#path, this.#owner);
    let candidate = route && pickAnother(route, tried, version);
    let avoid = tried;
    for (let looks = 1; looks < LOOKS_MAX && candidate !== undefined; looks++) {
      const { address } = candidate.endpoint;
      if (!this.#upstreams.load(address).isFull) return candidate;
      avoid = [...(avoid ?? []), address];
      candidate = route && pickAnother(route, avoid, version);
    }
    return candidate;
  }
}
