import type { DescService } from "@bufbuild/protobuf";
import type { Attempt, ConnectionPool } from "../../rpc/index.ts";
import type { Clock } from "../../runtime/index.ts";
import type { Session } from "../../wire/index.ts";
import { AddressedHeaders, AddressedSession } from "../addressed-session.ts";
import type { Balancer, Candidate } from "../balancer.ts";
import { outcomeOfAcquire } from "../call-report.ts";
import type { Endpoint } from "../endpoint.ts";
import { ReportedSession } from "../reported-session.ts";
import type { Connections } from "./connections.ts";

/** An attempt that remembers whether it went to an instance itself. */
export class DirectAttempt implements Attempt {
  readonly tried: string[];
  /** Whether the last place that was found for it was at an instance, and not at the gateway. */
  isDirect = false;
  /** Whether it goes through the gateway, as long as there is one, wherever instances are. */
  readonly isDetour: boolean;

  /** Of whoever sends the call as often as it is worth it: what the transport tells of the attempt is for him. */
  readonly #outer: Attempt | undefined;

  constructor(outer?: Attempt, isDetour = false) {
    this.#outer = outer;
    this.tried = outer?.tried ?? [];
    this.isDetour = isDetour;
  }

  get isAnswered(): boolean {
    return this.#outer?.isAnswered ?? false;
  }

  set isAnswered(isAnswered: boolean) {
    if (this.#outer !== undefined) this.#outer.isAnswered = isAnswered;
  }

  get running(): Attempt["running"] {
    return this.#outer?.running;
  }

  set running(running: Attempt["running"]) {
    if (this.#outer !== undefined) this.#outer.running = running;
  }
}

/** Instances that are asked for a connection before the call goes through the gateway. */
const CONNECTIONS_TRIED_MAX = 3;
/** Milliseconds for which calls go through the gateway after no instance could be connected to. Then one more try is made. */
const DETOUR_MS = 5_000;

/**
 * The instances of one service as one pool of connections: each call goes where the balancer says. It goes through the gateway while
 * no instance is known, or where none can be connected to that it was not sent to before.
 */
export class EndpointPool implements ConnectionPool {
  readonly #deps: EndpointPoolDeps;
  /** Headers to each service by its name: there is one, but for the time in which another takes its place. */
  readonly #headers = new Map<string, AddressedHeaders>();
  /** Where a connection is waited for when there is none right away. */
  #chosen: Candidate | undefined;
  #serviceName: string | undefined;
  #detourUntilMs = Number.NEGATIVE_INFINITY;

  constructor(deps: EndpointPoolDeps) {
    this.#deps = deps;
  }

  /** The name of the service whose instances are called; undefined while none is known. */
  get serviceName(): string | undefined {
    return this.#serviceName;
  }

  /** Whom calls go to from now on. */
  update(endpoints: readonly Endpoint[]): void {
    const { balancer, connections } = this.#deps;
    this.#chosen = undefined;
    this.#serviceName = endpoints[0]?.serviceName;
    const names = new Set(endpoints.map(({ serviceName }) => serviceName));
    for (const name of this.#headers.keys()) if (!names.has(name)) this.#headers.delete(name);
    const before = addressesOf(balancer);
    balancer.update(endpoints);
    connections.keep(
      this,
      endpoints.map(({ address }) => address),
    );
    // What calls will need is opened before there is one, as gRPC's `round_robin` does: none of them waits for a connection.
    for (const address of addressesOf(balancer).difference(before)) void connect(connections, address);
  }

  acquireNow(attempt?: Attempt): Session | undefined {
    const { connections } = this.#deps;
    const candidate = this.#pick(attempt);
    this.#chosen = candidate;
    if (candidate === undefined) return this.#toGateway(this.#deps.gateway.acquireNow(attempt), attempt);
    try {
      const session = connections.to(candidate.endpoint.address).acquireNow();
      return session && this.#to(candidate, session, attempt);
    } catch {
      // `acquire` says what is wrong with the address.
      return undefined;
    }
  }

  async acquire(signal?: AbortSignal, attempt: Attempt = new DirectAttempt()): Promise<Session> {
    const { connections, clock, gateway } = this.#deps;
    let candidate = this.#chosen ?? this.#pick(attempt);
    this.#chosen = undefined;
    let failures = 0;
    while (candidate !== undefined && failures < CONNECTIONS_TRIED_MAX) {
      const { address } = candidate.endpoint;
      // It counts while it waits: an instance that no connection comes from must not be waited for by all.
      candidate.begin();
      try {
        const session = await connections.to(address).acquire(signal);
        candidate.end("left");
        return this.#to(candidate, session, attempt);
      } catch (cause) {
        if (signal?.aborted) {
          candidate.end("left");
          throw cause;
        }
        candidate.end(outcomeOfAcquire(cause));
        attempt.tried.push(address);
        this.#deps.doubt();
      }
      failures++;
      candidate = this.#pick(attempt);
    }
    try {
      const session = await gateway.acquire(signal, attempt);
      if (failures > 0) this.#detourUntilMs = clock.monotonicMs() + DETOUR_MS;
      return this.#toGateway(session, attempt);
    } catch (cause) {
      // Where not even the gateway is there, an instance that failed before is better than nothing.
      const last = this.#deps.balancer.pick();
      if (last === undefined || signal?.aborted) throw cause;
      return this.#to(last, await connections.to(last.endpoint.address).acquire(signal), attempt);
    }
  }

  /** The connections belong to others. */
  close(): void {}

  destroy(): void {}

  /** An instance that the call was not sent to before. */
  #pick(attempt: Attempt | undefined): Candidate | undefined {
    const { balancer, clock } = this.#deps;
    if (this.#detourUntilMs > clock.monotonicMs()) return undefined;
    if (attempt instanceof DirectAttempt && attempt.isDetour) return undefined;
    const tried = attempt?.tried;
    const candidate = balancer.pick(tried);
    return candidate === undefined || tried?.includes(candidate.endpoint.address) ? undefined : candidate;
  }

  #to(candidate: Candidate, session: Session, attempt: Attempt | undefined): Session {
    const { address, serviceName } = candidate.endpoint;
    attempt?.tried.push(address);
    if (attempt instanceof DirectAttempt) attempt.isDirect = true;
    let headers = this.#headers.get(serviceName);
    if (headers === undefined) {
      headers = new AddressedHeaders(this.#deps.service, serviceName);
      this.#headers.set(serviceName, headers);
    }
    return new ReportedSession(session, headers, { candidate, clock: this.#deps.clock });
  }

  #toGateway<S extends Session | undefined>(session: S, attempt: Attempt | undefined): Session | S {
    if (session === undefined) return session;
    if (attempt instanceof DirectAttempt) attempt.isDirect = false;
    const { toOwner } = this.#deps;
    return toOwner === undefined ? session : new AddressedSession(session, toOwner);
  }
}

/** Of the instances that it chooses among. */
const addressesOf = (balancer: Balancer): Set<string> =>
  new Set(balancer.describe().map(({ endpoint }) => endpoint.address));

const connect = async (connections: Connections, address: string): Promise<void> => {
  try {
    await connections.to(address).acquire();
  } catch {
    // The first call that goes there tries again, and says what is wrong.
  }
};

export interface EndpointPoolDeps {
  readonly service: DescService;
  readonly balancer: Balancer;
  readonly connections: Connections;
  /** Told when an endpoint could not be reached. */
  readonly doubt: () => void;
  /** The way that always is. */
  readonly gateway: ConnectionPool;
  /** Names the service that is meant, where several serve the contract. */
  readonly toOwner: AddressedHeaders | undefined;
  readonly clock: Clock;
}
