import type { Duplex } from "node:stream";
import type { Clock, Random, Timer, Timers } from "../../runtime/index.ts";
import {
  connectSession,
  ErrorCode,
  type HttpStream,
  type Session,
  type SessionHandler,
  type WireLimits,
} from "../../wire/index.ts";
import type { PoolLimits } from "./pool-limits.ts";

/** What a connection tells its pool. */
export interface ConnectionOwner {
  /** The peer has answered: streams can be opened. Once. */
  onReady(connection: PooledConnection): void;
  /** There may be more free streams than before. */
  onFree(): void;
  /** No further stream can be opened. */
  onDraining(connection: PooledConnection): void;
  /** The connection is gone, last of all. */
  onGone(connection: PooledConnection, reason: Error | undefined): void;
}

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits: PoolLimits;
  readonly wire: Partial<WireLimits>;
}

/** Milliseconds without a stream after which a connection lets the process end. */
const UNUSED_MS = 20;

/** One connection of a pool: opened within a time, watched by PING while calls are on it, no reason to stay for a process. */
export class PooledConnection implements SessionHandler {
  readonly session: Session;
  /** Streams that were promised to callers who have not opened them yet. */
  granted = 0;
  readonly #socket: Duplex;
  readonly #owner: ConnectionOwner;
  readonly #deps: ConnectionDeps;
  #ready = false;
  #gone = false;
  #failure: Error | undefined;
  /** Whether a stream has ended since the last look: then the connection was in use. */
  #used = false;
  #holdsProcess = true;
  #connectTimer: Timer | undefined;
  #pingTimer: Timer | undefined;
  #pongTimer: Timer | undefined;
  #unusedTimer: Timer | undefined;

  constructor(socket: Duplex, owner: ConnectionOwner, deps: ConnectionDeps) {
    this.#socket = socket;
    this.#owner = owner;
    this.#deps = deps;
    const { clock, timers, random, limits, wire } = deps;
    this.session = connectSession(socket, this, { clock, timers, random, limits: wire });
    const { connectTimeoutMs } = limits;
    this.#connectTimer = timers.after(connectTimeoutMs, () =>
      this.fail(new Error(`no HTTP/2 answer within ${connectTimeoutMs} ms`)),
    );
  }

  /** Streams that can be opened now. */
  get free(): number {
    const { session } = this;
    return session.draining ? 0 : session.freeStreams - this.granted;
  }

  /** The session, about to get a stream. */
  use(): Session {
    if (!this.#holdsProcess) this.#holdProcess(true);
    return this.session;
  }

  /** Cuts the connection. */
  fail(reason: Error): void {
    this.#failure ??= reason;
    this.session.destroy();
    this.onClose(reason);
  }

  onStream(stream: HttpStream): void {
    // Push is off (RFC 9113, 8.4): the engine hands out no stream that a server began.
    stream.reset(ErrorCode.REFUSED_STREAM);
  }

  onSettings(): void {
    if (this.#gone) return;
    if (this.#ready) {
      this.#owner.onFree();
      return;
    }
    this.#ready = true;
    this.#connectTimer?.cancel();
    this.#pingTimer = this.#deps.timers.every(this.#deps.limits.pingIntervalMs, () => this.#ping());
    this.#owner.onReady(this);
    this.#watchUse();
  }

  onStreamClosed(): void {
    this.#used = true;
    if (this.session.openStreams === 0 && this.#unusedTimer === undefined) this.#watchUse();
    this.#owner.onFree();
  }

  onDraining(): void {
    if (!this.#gone) this.#owner.onDraining(this);
  }

  onClose(reason: Error | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#connectTimer?.cancel();
    this.#pingTimer?.cancel();
    this.#pongTimer?.cancel();
    this.#unusedTimer?.cancel();
    this.#owner.onGone(this, this.#failure ?? reason);
  }

  #ping(): void {
    if (this.#pongTimer !== undefined || (!this.#used && this.session.openStreams === 0)) return;
    this.#used = false;
    const { pingTimeoutMs } = this.#deps.limits;
    this.#pongTimer = this.#deps.timers.after(pingTimeoutMs, () =>
      this.fail(new Error(`PING was not answered within ${pingTimeoutMs} ms`)),
    );
    this.session.ping(() => {
      this.#pongTimer?.cancel();
      this.#pongTimer = undefined;
    });
  }

  /** Looks after a while, rather than at every call's end, whether the connection is still unused. */
  #watchUse(): void {
    this.#unusedTimer = this.#deps.timers.after(UNUSED_MS, () => {
      this.#unusedTimer = undefined;
      if (this.session.openStreams === 0 && this.granted === 0) this.#holdProcess(false);
    });
  }

  #holdProcess(hold: boolean): void {
    this.#holdsProcess = hold;
    const socket: Duplex & { ref?: () => void; unref?: () => void } = this.#socket;
    if (hold) socket.ref?.();
    else socket.unref?.();
  }
}
