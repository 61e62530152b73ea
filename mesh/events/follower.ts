import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { EventFeedService } from "@heddle/contracts/heddle/events/v1";
import type { Logger } from "../observe/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { Store } from "../store/store.ts";
import { Applier } from "./applier.ts";
import type { Target } from "./apply-events.ts";
import { waitAfter } from "./backoff.ts";
import type { Consumer } from "./consumer.ts";
import { CursorMoved, reasonOf } from "./errors.ts";
import { FollowerHealth, type FollowerState } from "./follower-health.ts";
import { InboxWorker } from "./inbox-worker.ts";
import { createTimeMsOf, type IncomingRun } from "./incoming.ts";
import { IncomingQueue } from "./incoming-queue.ts";
import {
  DIVERGED_RETRY_MS,
  RECONNECT_MS_MAX,
  RECONNECT_MS_MIN,
  SILENT_STREAM_MS_MAX,
  STANDBY_MS,
  TYPES_MAX,
} from "./limits.ts";
import { receiveFeed } from "./receive-feed.ts";
import { Signal } from "./signal.ts";
import { type Cursor, cursorOf } from "./store/cursor-store.ts";

export interface FollowerDeps {
  readonly store: Store;
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  readonly log: Logger;
  /** Names this service to the feed. */
  readonly subscriber: string;
  /** The feed of the consumer's source. */
  readonly feed: Client<typeof EventFeedService>;
}

/** How far one subscription has come. */
export interface FollowerStatus {
  readonly state: FollowerState;
  readonly position: bigint;
  readonly feedLast: bigint;
  readonly oldestMs: number | undefined;
  readonly lagMs: number;
  readonly waiting: number;
  readonly dead: number;
  readonly health: FollowerHealth;
}

/**
 * Follows one feed for one consumer, from where its cursor is: events and the step of the cursor are one transaction, so that each
 * event takes effect once, whatever is killed when.
 */
export class Follower {
  readonly consumer: Consumer;
  /** Called on every message of the feed that leaves nothing to apply. */
  onCaughtUp: () => void = () => undefined;
  readonly #deps: FollowerDeps;
  #rebuilding: boolean;
  readonly #stop = new AbortController();
  readonly #nudge = new Signal();
  readonly #health: FollowerHealth;
  readonly #inbox: InboxWorker;
  readonly #target: Target;
  #queue = new IncomingQueue();
  #session: AbortController | undefined;
  readonly #applier: Applier;
  /** When the oldest event was made that is being applied, or could not be. */
  #applyingMs: number | undefined;
  #failures = 0;
  #running: Promise<unknown> | undefined;

  constructor(consumer: Consumer, cursor: Cursor, rebuilding: boolean, deps: FollowerDeps) {
    this.consumer = consumer;
    this.#deps = deps;
    this.#rebuilding = rebuilding;
    this.#health = new FollowerHealth(deps.runtime.clock);
    this.#target = { consumer, subscriptionId: cursor.subscriptionId, types: new Set(cursor.types) };
    this.#inbox = new InboxWorker(cursor.subscriptionId, { ...deps, consumer, health: this.#health });
    this.#applier = new Applier(this.#target, cursor.sequence, { ...deps, health: this.#health, inbox: this.#inbox });
  }

  /** Begins to follow, until `stop`. */
  start(): void {
    const { signal } = this.#stop;
    this.#running ??= Promise.all([this.#follow(), this.#inbox.run(signal)]);
  }

  /** Resolves when nothing is applied any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#session?.abort();
    await this.#running;
  }

  /** An operator has decided something: the inbox is looked at, and a feed that diverged tried again. */
  wake(): void {
    this.#inbox.wake();
    if (this.#health.diverged) this.#nudge.wake();
  }

  /** The generation that it builds is in force. */
  enterForce(): void {
    this.#rebuilding = false;
    this.onCaughtUp = () => undefined;
  }

  /** True when everything that the feed had, as of its last word, has taken effect here. */
  get caughtUp(): boolean {
    const { connected, feedLast } = this.#health;
    return (
      connected &&
      this.#applier.position >= feedLast &&
      this.#oldestMs === undefined &&
      this.#inbox.counts.waiting === 0
    );
  }

  /** What was dealt with, by sequence. */
  get position(): bigint {
    return this.#applier.position;
  }

  /** True while the feed refuses to go on from here, because it holds other events. */
  get diverged(): boolean {
    return this.#health.diverged;
  }

  status(): FollowerStatus {
    const oldestMs = this.#oldestMs;
    return {
      state: this.#health.state(this.#rebuilding),
      position: this.#applier.position,
      feedLast: this.#health.feedLast,
      oldestMs,
      lagMs: this.#health.lagMs(oldestMs),
      waiting: this.#inbox.counts.waiting,
      dead: this.#inbox.counts.dead,
      health: this.#health,
    };
  }

  /** Raises the alarm when it lags, and takes it back; begins a stream anew that has fallen silent. */
  look(): void {
    const health = this.#health;
    const lagMs = health.lagMs(this.#oldestMs);
    const { stalled, changed } = health.look(lagMs, this.#rebuilding);
    const line = {
      ...this.#names,
      lagMs: Math.round(lagMs),
      applied: String(this.#applier.position),
      feedLast: String(health.feedLast),
    };
    if (changed && stalled)
      this.#deps.log.error({ ...line, lastError: health.lastError }, "stalled: events wait for their effect");
    if (changed && !stalled) this.#deps.log.info(line, "no longer stalled");
    if (health.streamSilenceMs > SILENT_STREAM_MS_MAX) this.#session?.abort(new Error("the feed fell silent"));
  }

  /** Also those that only another release knows; all types, where a feed does not filter by so many. */
  get #wantedTypes(): string[] {
    const wanted = [...this.#target.types].filter((type) => !this.consumer.ignored.has(type));
    return wanted.length > TYPES_MAX ? [] : wanted;
  }

  get #names() {
    const { source, view, generation } = this.consumer;
    return view === "" ? { source } : { source, view, generation };
  }

  /** True while its generation is not yet in force. */
  get rebuilding(): boolean {
    return this.#rebuilding;
  }

  get #oldestMs(): number | undefined {
    const waiting = this.#inbox.counts.oldestWaitingMs ?? undefined;
    const coming = this.#applyingMs ?? this.#queue.oldestMs;
    if (waiting === undefined || coming === undefined) return waiting ?? coming;
    return Math.min(waiting, coming);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    const { store, runtime } = this.#deps;
    while (!signal.aborted) {
      try {
        const cursor = await store.read((reader) => cursorOf(reader, this.consumer));
        // Its generation has ended; whoever started it stops it.
        if (cursor === undefined || cursor.subscriptionId !== this.#target.subscriptionId) return;
        this.#applier.beginAt(cursor.sequence);
        await this.#stream(cursor);
      } catch (error) {
        if (signal.aborted) return;
        // Something was said since the last failure.
        if (this.#health.connected) this.#failures = 0;
        const ms = this.#failed(error);
        await this.#nudge.wait(signal, { timers: runtime.timers, ms });
      }
    }
  }

  /** Records why following ended; returns the milliseconds until it is tried again. */
  #failed(error: unknown): number {
    const { log, runtime } = this.#deps;
    const health = this.#health;
    health.connected = false;
    if (error instanceof CursorMoved) {
      log.debug({ ...this.#names }, "another replica follows; standing by");
      this.#applyingMs = undefined;
      return STANDBY_MS;
    }
    health.error(error);
    if (error instanceof ConnectError && error.code === Code.OutOfRange) {
      if (!health.diverged) {
        log.error(
          { ...this.#names, applied: String(this.#applier.persisted), reason: reasonOf(error), err: error.rawMessage },
          "the feed diverged, nothing more is applied: see heddle events status",
        );
      }
      health.diverged = true;
      // What was known of the feed is known of another one.
      health.feedLast = 0n;
      this.#applyingMs = undefined;
      return DIVERGED_RETRY_MS;
    }
    this.#failures += 1;
    const retryMs = waitAfter(
      this.#failures,
      { firstMs: RECONNECT_MS_MIN, maxMs: RECONNECT_MS_MAX, factor: 2 },
      runtime.random,
    );
    const line = { ...this.#names, retryMs, err: error instanceof ConnectError ? error.rawMessage : error };
    // At start the others are not there yet, which is no news; and what goes on for long the alarm tells.
    if (this.#failures === FAILURES_UNTOLD || !(error instanceof ConnectError)) log.warn(line, "feed not followed");
    else log.debug(line, "feed not followed");
    return retryMs;
  }

  /** Reads one stream and applies what it brings, until one of the two fails. */
  async #stream(cursor: Cursor): Promise<void> {
    const session = new AbortController();
    this.#session = session;
    this.#health.beginStream();
    const queue = new IncomingQueue();
    this.#queue = queue;
    // Read ahead of the transaction that is on its way to the disk, and never further than there is room.
    const { consumer } = this;
    const { feed, subscriber } = this.#deps;
    const request = { subscriber, types: this.#wantedTypes };
    const receiving = receiveFeed({
      feed,
      cursor,
      request,
      consumer,
      queue,
      health: this.#health,
      signal: session.signal,
    });
    try {
      for (;;) {
        const runs = await queue.take(session.signal);
        if (runs.length === 0) throw session.signal.reason;
        this.#health.full = this.#inbox.full;
        this.#applyingMs = oldestOf(runs);
        await this.#inbox.room(session.signal);
        this.#health.full = false;
        session.signal.throwIfAborted();
        await this.#applier.apply(runs);
        this.#applyingMs = undefined;
        if (this.caughtUp) this.onCaughtUp();
      }
    } finally {
      // What could not be applied goes on to age, however often the feed is heard of again.
      this.#health.full = false;
      session.abort();
      await receiving;
      this.#queue = new IncomingQueue();
    }
  }
}

/** Failures in a row until one is told. */
const FAILURES_UNTOLD = 6;

const oldestOf = (runs: readonly IncomingRun[]): number | undefined => {
  const first = runs.find(({ events }) => events.length > 0)?.events[0];
  return first && createTimeMsOf(first.event);
};
