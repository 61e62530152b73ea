import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Logger } from "../observe/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { Store } from "../store/store.ts";
import type { Consumer } from "./consumer.ts";
import { attemptWaitMs, errorText, isAway, isStoreFault } from "./errors.ts";
import type { FollowerHealth } from "./follower-health.ts";
import { receive } from "./incoming.ts";
import {
  ATTEMPT_WAIT_MS_MIN,
  ATTEMPTS_MAX,
  ATTEMPTS_WHILE_AWAY_MAX,
  DEAD_LETTERS_MAX,
  INBOX_POLL_MS,
  INBOX_WAITING_MAX,
  PREPARE_TIMEOUT_MS,
  PREPARES_MAX,
} from "./limits.ts";
import { Signal } from "./signal.ts";
import { cursorExists } from "./store/cursor-store.ts";
import {
  countInbox,
  dueInInbox,
  type InboxCounts,
  type InboxEvent,
  recordFailure,
  takeFromInbox,
} from "./store/inbox-store.ts";

export interface InboxDeps {
  readonly store: Store;
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  readonly log: Logger;
  readonly consumer: Consumer;
  readonly health: FollowerHealth;
}

/**
 * Works off the inbox of one subscription: the oldest event of each key, several keys at a time, each with what it asks of others
 * first. One that fails is tried again later, and becomes a dead letter when it has failed as often as it may.
 */
export class InboxWorker {
  readonly #deps: InboxDeps;
  readonly #subscriptionId: bigint;
  readonly #woken = new Signal();
  /** Told whenever the inbox was counted anew. */
  readonly #counted = new Signal();
  readonly #running = new Set<string>();
  #dirty = true;
  #counts: InboxCounts = { waiting: 0, dead: 0, oldestWaitingMs: null, nextDueMs: null };

  constructor(subscriptionId: bigint, deps: InboxDeps) {
    this.#subscriptionId = subscriptionId;
    this.#deps = deps;
  }

  get counts(): InboxCounts {
    return this.#counts;
  }

  /** True when no further event should come in. */
  get full(): boolean {
    return this.#counts.waiting >= INBOX_WAITING_MAX || this.#counts.dead >= DEAD_LETTERS_MAX;
  }

  /** Something came in, or an operator has decided something. */
  wake(): void {
    this.#dirty = true;
    this.#woken.wake();
  }

  /** Resolves when there is room again, or the signal aborts. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.full && !signal.aborted) await this.#counted.wait(signal);
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, runtime, log } = this.#deps;
    while (!signal.aborted) {
      try {
        this.#dirty = false;
        this.#counts = await store.read((reader) => countInbox(reader, this.#subscriptionId));
        this.#counted.wake();
        if (this.#counts.waiting > 0) await this.#begin(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error, source: this.#deps.consumer.source }, "the inbox was not read");
      }
      if (!this.#dirty) await this.#woken.wait(signal, { timers: runtime.timers, ms: this.#waitMs() });
    }
  }

  #waitMs(): number {
    const { nextDueMs } = this.#counts;
    const dueMs = nextDueMs === null ? Number.POSITIVE_INFINITY : nextDueMs - this.#deps.runtime.clock.nowMs();
    // One that is due and not running has found no room; whoever makes room wakes us.
    return dueMs <= 0 ? INBOX_POLL_MS : Math.min(dueMs, INBOX_POLL_MS);
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { store, runtime } = this.#deps;
    if (this.#running.size >= PREPARES_MAX) return;
    const limit = PREPARES_MAX + this.#running.size;
    const due = await store.read((reader) => dueInInbox(reader, this.#subscriptionId, runtime.clock.nowMs(), limit));
    for (const event of due) {
      if (this.#running.size >= PREPARES_MAX) return;
      if (!this.#running.has(event.key)) void this.#try(event, signal);
    }
  }

  async #try(event: InboxEvent, signal: AbortSignal): Promise<void> {
    this.#running.add(event.key);
    try {
      await this.#apply(event, signal);
    } catch (error) {
      if (!signal.aborted) await this.#failed(event, error);
    } finally {
      this.#running.delete(event.key);
      this.wake();
    }
  }

  async #apply(event: InboxEvent, signal: AbortSignal): Promise<void> {
    const { store, consumer, runtime } = this.#deps;
    const createTime = timestampFromMs(Number(event.createTimeMs));
    const received = receive(consumer, { ...event, createTime });
    if (received === undefined) throw new Unreadable(event.type);
    const prepared = consumer.prepares(event.type)
      ? await within(PREPARE_TIMEOUT_MS, consumer.prepare(received), runtime)
      : undefined;
    if (signal.aborted) return;
    const applied = await store.write(async (tx) => {
      // Another replica may have applied it, or ended the generation.
      if (!(await cursorExists(tx, this.#subscriptionId)) || !(await takeFromInbox(tx, event))) return false;
      await consumer.apply(tx, [received], prepared);
      return true;
    });
    if (applied) this.#deps.health.progress(1);
  }

  async #failed(event: InboxEvent, error: unknown): Promise<void> {
    const { store, runtime, log, consumer, health } = this.#deps;
    const { sequence, type, key } = event;
    const line = { source: consumer.source, view: consumer.view, sequence: String(sequence), type, key, err: error };
    health.error(error);
    if (isStoreFault(error)) {
      log.warn(line, "the store did not take an event; it is tried again");
      await runtime.timers.sleep(ATTEMPT_WAIT_MS_MIN);
      return;
    }
    const attempts = Number(event.attempts) + 1;
    const isLast = attempts >= (isAway(error) ? ATTEMPTS_WHILE_AWAY_MAX : ATTEMPTS_MAX);
    const state = error instanceof Unreadable ? "unknown" : isLast ? "failed" : "waiting";
    const dueTimeMs = runtime.clock.nowMs() + attemptWaitMs(attempts, runtime);
    try {
      await store.write((tx) => recordFailure(tx, event, { state, dueTimeMs, error: errorText(error) }));
    } catch (refused) {
      log.warn({ ...line, err: refused }, "a failed event was not recorded; it is tried again");
      return;
    }
    if (state === "waiting") log.warn({ ...line, attempts }, "an event failed and is tried again");
    else log.error({ ...line, attempts }, "an event is a dead letter: see heddle events dead-letters");
  }
}

/** This release does not know the type of an event, or cannot read it. */
class Unreadable extends Error {
  constructor(type: string) {
    super(`this release cannot read ${type}`);
    this.name = "Unreadable";
  }
}

/** Settles as `work` does, unless that takes too long. */
const within = async <T>(ms: number, work: Promise<T>, { timers }: Pick<Runtime, "timers">): Promise<T> => {
  let timer: { cancel(): void } | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = timers.after(ms, () => reject(new Error(`prepare took longer than ${ms} ms`)));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    timer?.cancel();
  }
};
