import { createPublicKey, type KeyObject } from "node:crypto";
import type { Logger } from "../observe/index.ts";
import type { Clock, Timer, Timers } from "../runtime/index.ts";

/** The public half of a signing key, as auth publishes it. */
export interface PublishedKey {
  readonly kid: string;
  /** 32 bytes in base64url. */
  readonly x: string;
}

/** Milliseconds between looks at the published keys; their contract lets them be kept as long. */
export const KEYS_REFRESH_MS = 60_000;
/** Milliseconds between tries while they cannot be had. */
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 10_000;
/** Milliseconds between looks that tokens ask for: whoever makes names of keys up must not make calls with them. */
export const KEYS_ASKED_MS = 1_000;
/** Keys that are kept; auth publishes 8 at most. */
const KEYS_MAX = 16;

/** The keys that access tokens may be signed with, as they were last heard of: they stay in force while auth is away. */
export class KeySet {
  readonly #deps: KeySetDeps;
  #keys: ReadonlyMap<string, KeyObject> = new Map();
  /** What `#keys` was made of. */
  #published = "";
  #version = 0;
  #asking: Promise<void> | undefined = undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  #isCurrent = false;
  #retryMs = RETRY_MS_MIN;
  #next: Timer | undefined = undefined;
  #stopped = false;

  constructor(deps: KeySetDeps) {
    this.#deps = deps;
  }

  /** Grows with each change of the keys. */
  get version(): number {
    return this.#version;
  }

  /**
   * The key of a name; undefined where there is none, and `unknown` where that cannot be said yet: then the keys are being asked
   * for.
   */
  find(kid: string): KeyObject | "unknown" | undefined {
    const key = this.#keys.get(kid);
    if (key !== undefined) return key;
    if (this.#asking === undefined && this.#deps.clock.monotonicMs() - this.#askedMs >= KEYS_ASKED_MS) void this.ask();
    return this.#asking !== undefined || !this.#isCurrent ? "unknown" : undefined;
  }

  /** Asks for the keys, now and from then on; resolves when this once is answered, well or not. */
  ask(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  stop(): void {
    this.#stopped = true;
    this.#next?.cancel();
  }

  async #ask(): Promise<void> {
    const { fetch, clock, timers, log } = this.#deps;
    this.#askedMs = clock.monotonicMs();
    this.#next?.cancel();
    let nextMs = KEYS_REFRESH_MS;
    try {
      this.#take(await fetch());
      this.#isCurrent = true;
      this.#retryMs = RETRY_MS_MIN;
    } catch (error) {
      this.#isCurrent = false;
      nextMs = this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
      log.debug({ err: error, retryMs: nextMs }, "signing keys not reached; those known stay in force");
    }
    if (!this.#stopped) this.#next = timers.after(nextMs, () => void this.ask());
  }

  #take(published: readonly PublishedKey[]): void {
    const kept = published.slice(0, KEYS_MAX);
    const text = JSON.stringify(kept.map(({ kid, x }) => [kid, x]));
    if (text === this.#published) return;
    this.#keys = new Map(kept.map(({ kid, x }) => [kid, publicKeyOf(x)]));
    this.#published = text;
    this.#version++;
  }
}

export interface KeySetDeps {
  /** The keys that auth publishes now. */
  readonly fetch: () => Promise<readonly PublishedKey[]>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
}

const publicKeyOf = (x: string): KeyObject =>
  createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
