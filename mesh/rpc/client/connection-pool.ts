import { AsyncLocalStorage } from "node:async_hooks";
import { type Address, formatAddress, type Runtime } from "../../runtime/index.ts";
import type { Session, WireLimits } from "../../wire/index.ts";
import type { Attempt } from "./attempt.ts";
import { backoffMs } from "./backoff.ts";
import { type ClientTls, openSocket } from "./open-socket.ts";
import { DEFAULT_POOL_LIMITS, type PoolLimits } from "./pool-limits.ts";
import { type ConnectionOwner, PooledConnection } from "./pooled-connection.ts";

/** The HTTP/2 connections to one address, opened as they are needed. */
export interface ConnectionPool {
  /**
   * A session with a free stream, to be opened at once, where there is one right away and nobody waits for it. `attempt`: for pools
   * of several addresses, which send it where it was not before.
   */
  acquireNow(attempt?: Attempt): Session | undefined;
  /**
   * The same, or one as soon as a connection is there or a stream has ended: the stream is to be opened in the promise's first
   * reaction. Rejects with an AcquireError, or with the signal's reason when it aborts first.
   *
   * While no connection can be made, calls fail at once rather than wait (gRPC, Wait for Ready: false).
   */
  acquire(signal?: AbortSignal, attempt?: Attempt): Session | Promise<Session>;
  /** Ends gracefully: opens no stream any more, lets those that are open go on. */
  close(): void;
  /** Cuts every connection. */
  destroy(): void;
}

export interface PoolOptions {
  readonly address: Address;
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random" | "network">;
  readonly limits?: Partial<PoolLimits> | undefined;
  readonly wire?: Partial<WireLimits> | undefined;
  /** Present: TLS, with ALPN h2. */
  readonly tls?: ClientTls | undefined;
}

/** No session is to be had. */
export class AcquireError extends Error {
  /** There is no connection, or more callers wait than may. Either way nothing was sent. */
  readonly reason: "unavailable" | "exhausted";
  constructor(reason: "unavailable" | "exhausted", message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "AcquireError";
    this.reason = reason;
  }
}

/** Runs work outside of any call: a connection outlives the one that it was opened for. */
const outside = AsyncLocalStorage.snapshot();

/** A pool for one address. Connects on the first `acquire`. */
export const createConnectionPool = (options: PoolOptions): ConnectionPool => new Pool(options);

interface Waiter {
  resolve(session: Session): void;
  reject(reason: unknown): void;
}

class Pool implements ConnectionPool, ConnectionOwner {
  readonly #options: PoolOptions;
  readonly #limits: PoolLimits;
  /** Those that streams may be opened on, the oldest first: it is filled first, so that the others can go idle. */
  readonly #ready: PooledConnection[] = [];
  readonly #draining = new Set<PooledConnection>();
  #connecting: PooledConnection | undefined;
  readonly #waiters = new Set<Waiter>();
  #closed = false;
  #failures = 0;
  #lastFailure: Error | undefined;
  /** `Clock.monotonicMs` before which no attempt is made. */
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_POOL_LIMITS, ...options.limits };
  }

  acquireNow(): Session | undefined {
    if (this.#waiters.size > 0) return undefined;
    for (const connection of this.#ready) {
      if (connection.free > 0) return connection.use();
    }
    return undefined;
  }

  acquire(signal?: AbortSignal): Session | Promise<Session> {
    return this.acquireNow() ?? this.#wait(signal);
  }

  close(): void {
    this.#closed = true;
    this.#rejectWaiters(this.#closedError());
    for (const connection of [...this.#ready]) {
      this.onDraining(connection);
      connection.session.drain();
    }
    this.#connecting?.fail(new Error("the pool was closed"));
  }

  destroy(): void {
    this.close();
    for (const connection of [...this.#draining]) connection.fail(new Error("the pool was closed"));
  }

  onReady(connection: PooledConnection): void {
    this.#connecting = undefined;
    this.#ready.push(connection);
    this.#failures = 0;
    this.#serve();
  }

  onFree(): void {
    if (this.#waiters.size > 0) this.#serve();
  }

  onDraining(connection: PooledConnection): void {
    if (this.#connecting === connection) return;
    this.#leaveReady(connection);
    this.#draining.add(connection);
    if (this.#waiters.size > 0) this.#serve();
  }

  onGone(connection: PooledConnection, reason: Error | undefined): void {
    this.#leaveReady(connection);
    this.#draining.delete(connection);
    if (this.#connecting === connection) this.#attemptFailed(reason);
    if (this.#waiters.size > 0) this.#serve();
  }

  #wait(signal: AbortSignal | undefined): Promise<Session> {
    if (this.#closed) return Promise.reject(this.#closedError());
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#waiters.size >= this.#limits.waitersMax) {
      const message = `${this.#waiters.size} calls wait for a connection to ${this.#place()} already`;
      return Promise.reject(new AcquireError("exhausted", message));
    }
    this.#grow();
    if (this.#ready.length === 0 && this.#connecting === undefined && this.#waits())
      return Promise.reject(this.#unavailable());
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        resolve(session) {
          signal?.removeEventListener("abort", leave);
          resolve(session);
        },
        reject(reason) {
          signal?.removeEventListener("abort", leave);
          reject(reason);
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Gives free streams to those that wait; opens a connection, or gives up, for the rest. */
  #serve(): void {
    for (const connection of this.#ready) {
      let { free } = connection;
      if (free <= 0) continue;
      for (const waiter of this.#waiters) {
        this.#waiters.delete(waiter);
        connection.granted += 1;
        waiter.resolve(connection.use());
        // Runs after the caller, whom the line before has woken, has opened its stream.
        queueMicrotask(() => {
          connection.granted -= 1;
          if (this.#waiters.size > 0 && connection.free > 0) this.#serve();
        });
        free -= 1;
        if (free === 0) break;
      }
      if (this.#waiters.size === 0) return;
    }
    if (this.#waiters.size === 0) return;
    this.#grow();
    if (this.#ready.length === 0 && this.#connecting === undefined && this.#waits())
      this.#rejectWaiters(this.#unavailable());
  }

  #attemptFailed(reason: Error | undefined): void {
    const { clock, random } = this.#options.runtime;
    this.#connecting = undefined;
    this.#failures += 1;
    this.#lastFailure = reason;
    this.#retryAtMs = clock.monotonicMs() + backoffMs(this.#failures, this.#limits, random);
    if (this.#ready.length === 0) this.#rejectWaiters(this.#unavailable());
  }

  /** Opens one connection, where there may be one more: they come one after another. */
  #grow(): void {
    // An idle or an old connection drains by itself, and says nothing of it.
    for (const connection of [...this.#ready]) {
      if (!connection.session.draining) continue;
      this.#leaveReady(connection);
      this.#draining.add(connection);
    }
    const { connectionsMax } = this.#limits;
    const full = this.#ready.length >= connectionsMax || this.#draining.size >= connectionsMax;
    if (this.#connecting !== undefined || this.#closed || full || this.#waits()) return;
    const { address, runtime, tls, wire = {} } = this.#options;
    const { clock, timers, random, network } = runtime;
    const deps = { clock, timers, random, limits: this.#limits, wire };
    outside(() => {
      this.#connecting = new PooledConnection(openSocket(network, address, tls), this, deps);
    });
  }

  /** True while an attempt to connect would come too soon after the last one. */
  #waits(): boolean {
    return this.#failures > 0 && this.#options.runtime.clock.monotonicMs() < this.#retryAtMs;
  }

  #leaveReady(connection: PooledConnection): void {
    const index = this.#ready.indexOf(connection);
    if (index >= 0) this.#ready.splice(index, 1);
  }

  #rejectWaiters(error: AcquireError): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      waiter.reject(error);
    }
  }

  #unavailable(): AcquireError {
    const why = this.#lastFailure?.message ?? "the peer closed it";
    return new AcquireError("unavailable", `no connection to ${this.#place()}: ${why}`, this.#lastFailure);
  }

  #closedError(): AcquireError {
    return new AcquireError("unavailable", `the connections to ${this.#place()} were closed`);
  }

  #place(): string {
    return formatAddress(this.#options.address);
  }
}
