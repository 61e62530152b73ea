import type { Attempt, ConnectionPool } from "@heddle/mesh/rpc";
import type { Session } from "@heddle/mesh/wire";
import { CountedSession } from "../relay/counted-session.ts";
import { LOOKS_MAX, type Upstreams } from "../relay/upstreams.ts";
import type { MethodRoutes } from "../routing/method-routes.ts";
import { busy, unreachable } from "../routing/try-later.ts";

/** Instances that are asked for a connection before the call fails. */
const ATTEMPTS_MAX = 3;

/** The instances of one method as one pool of connections: each call goes to the next in turn, and so does each further attempt. */
export class InstancePool implements ConnectionPool {
  readonly #upstreams: Upstreams;
  readonly #routes: MethodRoutes;
  readonly #path: string;
  readonly #service: string;
  readonly #owner: string | undefined;
  /** Whose turn it was: when no connection is there right away, it is waited for at the same instance. */
  #chosen: string | undefined;

  /** `owner`: the name of the service whose instances are meant. */
  constructor(
    { upstreams, routes }: { upstreams: Upstreams; routes: MethodRoutes },
    { path, service, owner }: { path: string; service: string; owner: string | undefined },
  ) {
    this.#upstreams = upstreams;
    this.#routes = routes;
    this.#path = path;
    this.#service = service;
    this.#owner = owner;
  }

  acquireNow(attempt?: Attempt): Session | undefined {
    this.#chosen = this.#next(attempt?.version);
    if (this.#chosen === undefined) return undefined;
    if (this.#upstreams.load(this.#chosen).isFull) return undefined;
    try {
      const session = this.#upstreams.to(this.#chosen).acquireNow();
      return session && this.#counted(session, this.#chosen);
    } catch {
      // `acquire` says what is wrong with the address.
      return undefined;
    }
  }

  /** Rejects with the error that the caller is answered with. */
  async acquire(signal?: AbortSignal, attempt?: Attempt): Promise<Session> {
    let address = this.#chosen ?? this.#next(attempt?.version);
    for (let tries = 1; ; tries++) {
      if (address === undefined) throw this.#routes.nobody(this.#service, this.#owner);
      const load = this.#upstreams.load(address);
      if (load.isFull) throw busy(this.#service, load.max);
      try {
        return this.#counted(await this.#upstreams.to(address).acquire(signal), address);
      } catch (cause) {
        if (signal?.aborted) throw cause;
        const other = tries < ATTEMPTS_MAX ? this.#next(attempt?.version) : undefined;
        if (other === undefined || other === address) throw unreachable(this.#service, cause);
        address = other;
      }
    }
  }

  /** The connections belong to others. */
  close(): void {}

  destroy(): void {}

  #counted(session: Session, address: string): Session {
    return new CountedSession(session, {
      load: this.#upstreams.load(address),
      resets: this.#upstreams.resets(address),
    });
  }

  /** The next in turn, of a version where that has any, of those that take another call where there are any. */
  #next(version: string | undefined): string | undefined {
    const route = this.#routes.at(this.#path, this.#owner);
    let address: string | undefined;
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      address = (route?.next(version) ?? route?.next())?.address;
      if (address === undefined || !this.#upstreams.load(address).isFull) return address;
    }
    return address;
  }
}
