import { fail } from "@heddle/mesh/contract";
import type { ConnectionPool } from "@heddle/mesh/rpc";
import type { Session } from "@heddle/mesh/wire";
import { countedSession } from "./counted-session.ts";
import { INSTANCE_UNREACHABLE, UPSTREAM_BUSY } from "./errors.ts";
import type { MethodRoutes } from "./method-routes.ts";
import type { Upstreams } from "./upstreams.ts";

/** Milliseconds that a caller should wait before it tries an instance that could not be reached again. */
export const RETRY_DELAY_MS = 200;
/** Instances that are asked for a connection before the call fails. */
const ATTEMPTS_MAX = 3;
/** Instances that are looked at for one that takes another call. */
const LOOKS_MAX = 8;

/** An instance by its address, or why there is none. */
type Choice = { readonly address: string } | { readonly missing: "nobody" | "room"; readonly callsMax: number };

/** The instances of one method as one pool of connections: each call goes to the next in turn, and so does each further attempt. */
export class InstancePool implements ConnectionPool {
  readonly #upstreams: Upstreams;
  readonly #routes: MethodRoutes;
  readonly #path: string;
  readonly #service: string;
  readonly #owner: string | undefined;
  /** Whose turn it was: when no connection is there right away, it is waited for at the same instance. */
  #chosen: Choice | undefined;

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

  acquireNow(): Session | undefined {
    const chosen = this.#next();
    this.#chosen = chosen;
    if ("missing" in chosen) return undefined;
    try {
      const session = this.#upstreams.to(chosen.address).acquireNow();
      return session && this.#counted(session, chosen.address);
    } catch {
      // `acquire` says what is wrong with the address.
      return undefined;
    }
  }

  /** Rejects with the error that the caller is answered with. */
  async acquire(signal?: AbortSignal): Promise<Session> {
    let choice = this.#chosen ?? this.#next();
    for (let attempt = 1; ; attempt++) {
      if ("missing" in choice) throw this.#refusal(choice);
      const { address } = choice;
      try {
        return this.#counted(await this.#upstreams.to(address).acquire(signal), address);
      } catch (cause) {
        if (signal?.aborted) throw cause;
        choice = this.#next();
        if (attempt >= ATTEMPTS_MAX || "missing" in choice || choice.address === address)
          throw fail(INSTANCE_UNREACHABLE, { service: this.#service }, { cause, retryDelayMs: RETRY_DELAY_MS });
      }
    }
  }

  /** The connections belong to others. */
  close(): void {}

  destroy(): void {}

  /** The next in turn that has room for another call. */
  #next(): Choice {
    let callsMax = 0;
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const address = this.#routes.at(this.#path, this.#owner)?.next()?.address;
      if (address === undefined) return { missing: "nobody", callsMax };
      const { running, max } = this.#upstreams.load(address);
      if (running < max) return { address };
      callsMax = max;
    }
    return { missing: "room", callsMax };
  }

  #refusal({ missing, callsMax }: { readonly missing: "nobody" | "room"; readonly callsMax: number }): Error {
    return missing === "nobody"
      ? this.#routes.nobody(this.#service, this.#owner)
      : fail(UPSTREAM_BUSY, { service: this.#service, calls: callsMax }, { retryDelayMs: RETRY_DELAY_MS });
  }

  #counted(session: Session, address: string): Session {
    return countedSession(session, {
      load: this.#upstreams.load(address),
      resets: this.#upstreams.resets(address),
    });
  }
}
