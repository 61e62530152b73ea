import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock, Random, Timers } from "../runtime/index.ts";
import type { Carrier } from "./carrier.ts";
import { Connection } from "./connection.ts";
import { ErrorCode } from "./error-code.ts";
import { DEFAULT_WIRE_LIMITS, type WireLimits } from "./limits.ts";
import { OutputBuffer } from "./output-buffer.ts";
import type { Session, SessionHandler } from "./session.ts";
import { watch } from "./watch.ts";

/** What a session takes from outside. */
export interface WireDeps {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits?: Partial<WireLimits> | undefined;
}

/** Serves HTTP/2 on a connection; what the peer has sent already may have been put back by `unshift`. */
export const serveSession = (socket: Duplex, handler: SessionHandler, deps: WireDeps): Session =>
  bind("server", socket, handler, deps);

/** Speaks HTTP/2 as a client on a connection, which need not be established yet. */
export const connectSession = (socket: Duplex, handler: SessionHandler, deps: WireDeps): Session =>
  bind("client", socket, handler, deps);

/** Bytes that wait in the socket above which no more are read from the peer, whose frames ask for more of them. */
const UNSENT_BYTES_HIGH = 128 * 1024;
/** Milliseconds that a closed connection may take to send its last words. */
const LAST_WORDS_MS = 1_000;

const bind = (role: "server" | "client", socket: Duplex, handler: SessionHandler, deps: WireDeps): Session => {
  const limits = { ...DEFAULT_WIRE_LIMITS, ...deps.limits };
  const binding = new Binding(role, socket, handler, { ...deps, limits });
  return binding.connection;
};

/** A connection on its socket: reads go in at once, writes leave once per turn, and time is looked at now and then. */
class Binding implements Carrier {
  readonly connection: Connection;
  readonly #socket: Duplex;
  readonly #timers: Timers;
  readonly #limits: WireLimits;
  /** The kernel has a copy of what was written, while another stream may have passed it on as it is. */
  readonly #copies: boolean;
  readonly #stopWatching: () => void;
  readonly #flush = () => this.#write();
  #ending = false;
  #paused = false;
  // What `tick` has seen last.
  #idleSinceMs: number;
  readonly #startMs: number;
  readonly #ageMaxMs: number;
  #incomplete: { readonly sinceMs: number; readonly frames: number } | undefined;
  #drainingSinceMs: number | undefined;
  #unsentSinceMs: number | undefined;
  #failure: Error | undefined;

  constructor(
    role: "server" | "client",
    socket: Duplex,
    handler: SessionHandler,
    { clock, timers, random, limits }: WireDeps & { limits: WireLimits },
  ) {
    this.#socket = socket;
    this.#copies = socket instanceof Socket;
    this.#timers = timers;
    this.#limits = limits;
    this.#startMs = clock.monotonicMs();
    this.#idleSinceMs = this.#startMs;
    // 10 % more or less (gRFC A9), so that connections of one moment do not end in one moment.
    this.#ageMaxMs = limits.ageMaxMs * (0.9 + random.below(201) / 1_000);
    this.connection = new Connection({ role, peer: peerOf(socket), limits, clock, handler, carrier: this });
    this.#stopWatching = watch({ tick: (nowMs) => this.#tick(nowMs) }, { clock, timers });
    socket.on("data", (chunk: Buffer) => {
      this.connection.receive(chunk);
      this.#throttle();
    });
    socket.on("drain", () => {
      this.connection.carrierBytes = socket.writableLength;
      this.#throttle();
      this.connection.setCongested(false);
    });
    socket.on("end", () => this.#lost());
    socket.on("error", (error) => {
      this.#failure = error;
    });
    socket.on("close", () => {
      this.#stopWatching();
      this.#lost();
    });
  }

  wake(): void {
    this.#timers.afterTurn(this.#flush);
  }

  end(orderly: boolean): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#timers.afterTurn(() => {
      this.#write();
      this.#socket.end();
      // Read to the end, so that what the peer has in flight does not turn our last words into a reset.
      this.#socket.resume();
      this.#destroyAfter(orderly ? this.#limits.incompleteFrameMs : LAST_WORDS_MS);
    });
  }

  /** Cuts a socket that has ended: at once when nothing is left to be sent but the peer's leave, else when nothing moves. */
  #destroyAfter(stalledMs: number): void {
    const socket = this.#socket;
    const unsent = socket.writableLength;
    this.#timers.after(unsent > 0 ? stalledMs : LAST_WORDS_MS, () => {
      const moves = socket.writableLength < unsent;
      if (moves && !socket.destroyed) this.#destroyAfter(stalledMs);
      else socket.destroy();
    });
  }

  #lost(): void {
    this.connection.lost(this.#failure);
    if (!this.#ending) this.#socket.destroy();
  }

  #write(): void {
    const socket = this.#socket;
    const output = this.connection.takeOutput();
    if (output === undefined || socket.destroyed || socket.writableEnded) return;
    const { buffer, length } = output;
    const more = socket.write(
      length === buffer.length ? buffer : buffer.subarray(0, length),
      this.#copies ? () => OutputBuffer.recycle(buffer) : undefined,
    );
    this.connection.carrierBytes = socket.writableLength;
    if (more) this.connection.refill();
    else this.connection.setCongested(true);
    // In any case: where the kernel has taken all at once, no drain follows that would wake a socket that was paused.
    this.#throttle();
  }

  /** A peer that does not read is not read from either. */
  #throttle(): void {
    const wait = this.#socket.writableLength + this.connection.output.length > UNSENT_BYTES_HIGH;
    if (wait === this.#paused) return;
    this.#paused = wait;
    if (wait) this.#socket.pause();
    else this.#socket.resume();
  }

  #tick(nowMs: number): void {
    const { connection } = this;
    const limits = this.#limits;
    if (connection.closed) return;
    if (connection.openStreams > 0) this.#idleSinceMs = nowMs;
    else if (nowMs - this.#idleSinceMs > limits.idleTimeoutMs) connection.drain();
    if (limits.ageMaxMs > 0 && nowMs - this.#startMs > this.#ageMaxMs) connection.drain();
    this.#tickDrain(nowMs);
    this.#tickIncomplete(nowMs);
    this.#tickUnsent(nowMs);
    connection.stopSenders();
    connection.resetStalled(nowMs);
    if (!connection.settingsAcked && nowMs - this.#startMs > limits.settingsTimeoutMs) {
      connection.timeOut(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS were not acknowledged");
    }
  }

  /** A peer that does not answer the PING of a drain must not hold it up. */
  #tickDrain(nowMs: number): void {
    if (!this.connection.draining) return;
    this.#drainingSinceMs ??= nowMs;
    if (nowMs > this.#drainingSinceMs) this.connection.goOnDraining();
  }

  #tickIncomplete(nowMs: number): void {
    const { connection } = this;
    if (!connection.incomplete) {
      this.#incomplete = undefined;
    } else if (this.#incomplete?.frames !== connection.frames) {
      this.#incomplete = { sinceMs: nowMs, frames: connection.frames };
    } else if (nowMs - this.#incomplete.sinceMs > this.#limits.incompleteFrameMs) {
      connection.timeOut(ErrorCode.ENHANCE_YOUR_CALM, "a frame was begun and not completed");
    }
  }

  /** The peer's end of the socket has not taken a byte for long. */
  #tickUnsent(nowMs: number): void {
    const unsent = this.#socket.writableLength;
    if (unsent === 0 || unsent !== this.connection.carrierBytes) {
      this.#unsentSinceMs = undefined;
      this.connection.carrierBytes = unsent;
      return;
    }
    this.#unsentSinceMs ??= nowMs;
    if (nowMs - this.#unsentSinceMs > this.#limits.stallTimeoutMs) this.#socket.destroy();
  }
}

const peerOf = (socket: Duplex): string => {
  const { remoteAddress, remotePort } = socket as { remoteAddress?: string; remotePort?: number };
  return remoteAddress === undefined ? "unknown" : `${remoteAddress}:${remotePort}`;
};
