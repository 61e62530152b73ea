import type { Logger } from "../observe/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { Store } from "../store/store.ts";
import { applyEvents, type Move, moveCursor, setAside, type Target } from "./apply-events.ts";
import { attemptWaitMs, errorText, isStoreFault } from "./errors.ts";
import type { FollowerHealth } from "./follower-health.ts";
import type { InboxWorker } from "./inbox-worker.ts";
import type { IncomingEvent, IncomingRun } from "./incoming.ts";
import { CURSOR_LAG_MAX } from "./limits.ts";

export interface ApplierDeps {
  readonly store: Store;
  readonly runtime: Pick<Runtime, "clock" | "random">;
  readonly log: Logger;
  readonly health: FollowerHealth;
  readonly inbox: InboxWorker;
}

/** Applies what a feed brings, and moves the cursor of one subscription. */
export class Applier {
  readonly #target: Target;
  readonly #deps: ApplierDeps;
  #persisted: bigint;
  #position: bigint;

  constructor(target: Target, sequence: bigint, deps: ApplierDeps) {
    this.#target = target;
    this.#deps = deps;
    this.#persisted = sequence;
    this.#position = sequence;
  }

  /** Where the cursor is in the store, as far as this process knows. */
  get persisted(): bigint {
    return this.#persisted;
  }

  /** What was dealt with, by sequence: up to the cursor, or further where nobody wanted what lay between. */
  get position(): bigint {
    return this.#position;
  }

  /** The cursor was read anew. */
  beginAt(sequence: bigint): void {
    this.#persisted = sequence;
    this.#position = sequence;
  }

  /** Resolves when every event has taken effect or is in the inbox; rejects only where the store, and no event, is at fault. */
  async apply(runs: readonly IncomingRun[]): Promise<void> {
    const { store, health } = this.#deps;
    const events = runs.flatMap((run) => run.events);
    const last = runs.at(-1);
    if (last === undefined) return;
    const move = { from: this.#persisted, to: last.last, fingerprint: last.fingerprint };
    if (events.length > 0) {
      await this.#applyAll(events, last.last, last.fingerprint);
    } else if (last.last - this.#persisted >= BigInt(CURSOR_LAG_MAX)) {
      await store.write((tx) => moveCursor(tx, this.#target.subscriptionId, move));
      this.#persisted = last.last;
    }
    this.#position = last.last;
    health.progress(0);
  }

  /** In one transaction, or where an event is at fault in two halves, so that it is found and the others take effect. */
  async #applyAll(events: readonly IncomingEvent[], to: bigint, fingerprint: Uint8Array | null): Promise<void> {
    const move = { from: this.#persisted, to, fingerprint };
    try {
      await this.#applyTogether(events, move);
    } catch (error) {
      if (isStoreFault(error)) throw error;
      const [event] = events;
      if (events.length === 1 && event !== undefined) {
        await this.#setAside(event, move, error);
        return;
      }
      const middle = Math.ceil(events.length / 2);
      const half = events.slice(0, middle);
      await this.#applyAll(half, half.at(-1)?.sequence ?? to, null);
      await this.#applyAll(events.slice(middle), to, fingerprint);
    }
  }

  async #applyTogether(events: readonly IncomingEvent[], move: Move): Promise<void> {
    const { store, health, inbox } = this.#deps;
    const { applied, inboxed } = await store.write((tx) => applyEvents(tx, this.#target, events, move));
    this.#moved(move.to);
    health.progress(applied);
    if (inboxed) inbox.wake();
  }

  async #setAside(event: IncomingEvent, move: Move, error: unknown): Promise<void> {
    const { store, runtime, log, health, inbox } = this.#deps;
    const { source, view } = this.#target.consumer;
    const { sequence, type, key } = event.event;
    health.error(error);
    log.warn({ source, view, sequence: String(sequence), type, key, err: error }, "an event failed and is tried again");
    const dueTimeMs = runtime.clock.nowMs() + attemptWaitMs(1, runtime);
    await store.write((tx) => setAside(tx, this.#target, event, move, { dueTimeMs, error: errorText(error) }));
    this.#moved(move.to);
    inbox.wake();
  }

  #moved(sequence: bigint): void {
    this.#persisted = sequence;
    this.#position = sequence;
  }
}
