import type { Client } from "@connectrpc/connect";
import type { EventFeedService } from "@heddle/contracts/heddle/events/v1";
import type { Logger } from "../observe/index.ts";
import type { Runtime, Timer } from "../runtime/index.ts";
import type { Store } from "../store/store.ts";
import { type Consumer, refuseMisdeclared } from "./consumer.ts";
import { Follower } from "./follower.ts";
import { LAG_LOOK_MS, RECONCILE_MS } from "./limits.ts";
import { consumersOf, type Declared, prepareCursors } from "./prepare-cursors.ts";
import { dropGeneration, putInForce } from "./rebuild.ts";
import { Signal } from "./signal.ts";
import { allCursors, compareOwners } from "./store/cursor-store.ts";
import { allGenerations, type Generation } from "./store/generation-store.ts";

export interface SubscriberDeps extends Declared {
  /** The service that subscribes. */
  readonly service: string;
  readonly store: Store;
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  readonly log: Logger;
  /** The feed of a service. */
  readonly feedOf: (source: string) => Client<typeof EventFeedService>;
}

/** Makes the cursors that are missing. Throws TypeError where a declaration cannot be followed. */
export const prepareSubscriptions = async (
  deps: Pick<SubscriberDeps, "subscriptions" | "views" | "store" | "runtime" | "log">,
): Promise<void> => {
  refuseMisdeclared(deps.subscriptions, deps.views);
  await prepareCursors(deps.store, deps, deps.runtime.clock.nowMs(), deps.log);
};

/** Everything that one instance does with the events of others: a follower for each consumer, and the rebuilding of views. */
export class Subscriber {
  readonly #deps: SubscriberDeps;
  readonly #followers = new Map<string, Follower>();
  readonly #stop = new AbortController();
  readonly #woken = new Signal();
  #dirty = false;
  #looks: Timer | undefined;
  #running: Promise<void> | undefined;

  /** The cursors must be there: see `prepareSubscriptions`. */
  constructor(deps: SubscriberDeps) {
    this.#deps = deps;
  }

  /** In the order in which they are listed. */
  get followers(): readonly Follower[] {
    return [...this.#followers.values()].sort(({ consumer: a }, { consumer: b }) => compareOwners(a, b));
  }

  /** Begins to follow, until `stop`. */
  start(): void {
    this.#looks = this.#deps.runtime.timers.every(LAG_LOOK_MS, () => {
      for (const follower of this.#followers.values()) follower.look();
    });
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is applied any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#looks?.cancel();
    await this.#running;
    await Promise.all(this.followers.map((follower) => follower.stop()));
  }

  /** An operator has decided something. */
  wake(): void {
    for (const follower of this.#followers.values()) follower.wake();
    this.#wake();
  }

  #wake(): void {
    this.#dirty = true;
    this.#woken.wake();
  }

  async #run(): Promise<void> {
    const { runtime, log } = this.#deps;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#dirty = false;
      try {
        await this.#reconcile();
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, "subscriptions were not looked after; it is tried again");
      }
      // Now and then, because another replica may have begun or ended a rebuild.
      if (!this.#dirty) await this.#woken.wait(signal, { timers: runtime.timers, ms: RECONCILE_MS });
    }
  }

  /** Follows what is to be followed and nothing else, puts in force what is built, deletes what is not read any more. */
  async #reconcile(): Promise<void> {
    const { store, views, log } = this.#deps;
    const { signal } = this.#stop;
    const { generations, cursors } = await store.read(async (reader) => ({
      generations: await allGenerations(reader),
      cursors: await allCursors(reader),
    }));
    const isBuilt = (consumer: Consumer) => isIn(generations, consumer, "building");
    const wanted = new Map(consumersOf(this.#deps, generations).map((consumer) => [keyOf(consumer), consumer]));
    for (const [key, follower] of this.#followers) {
      if (!wanted.has(key)) {
        this.#followers.delete(key);
        await follower.stop();
      } else if (follower.rebuilding && !isBuilt(follower.consumer)) follower.enterForce();
    }
    for (const [key, consumer] of wanted) {
      const cursor = cursors.find((found) => keyOf(found) === key);
      if (this.#followers.has(key) || cursor === undefined || signal.aborted) continue;
      const { service, feedOf } = this.#deps;
      const follower = new Follower(consumer, cursor, isBuilt(consumer), {
        ...this.#deps,
        subscriber: service,
        feed: feedOf(consumer.source),
      });
      if (follower.rebuilding) follower.onCaughtUp = () => this.#wake();
      this.#followers.set(key, follower);
      follower.start();
    }
    for (const { view: name, generation, state } of generations) {
      const view = views.find((declared) => declared.name === name);
      if (view === undefined || signal.aborted) continue;
      if (state === "building") await this.#putInForceIfBuilt(name, generation);
      if (state === "dropping") {
        await dropGeneration(store, view, generation, signal);
        if (!signal.aborted) log.info({ view: name, generation }, "the generation before was deleted");
      }
    }
  }

  async #putInForceIfBuilt(view: string, generation: number): Promise<void> {
    const { store, log } = this.#deps;
    const building = this.followers.filter(
      ({ consumer }) => consumer.view === view && consumer.generation === generation,
    );
    if (building.length === 0 || !building.every(({ caughtUp }) => caughtUp)) return;
    const lost = this.followers.filter(({ consumer, diverged }) => consumer.view === view && diverged);
    const positions = new Map(
      building
        .filter(({ consumer: { source } }) => !lost.some(({ consumer }) => consumer.source === source))
        .map(({ consumer, position }) => [consumer.source, position]),
    );
    const done = await store.write((tx) => putInForce(tx, view, generation, positions));
    if (!done) return;
    const events = building.reduce((sum, follower) => sum + follower.status().health.eventsApplied, 0);
    log.info({ view, generation, events }, "the rebuilt view is in force");
    this.#wake();
  }
}

const keyOf = ({ view, generation, source }: { view: string; generation: number; source: string }): string =>
  `${view}/${generation}/${source}`;

const isIn = (generations: readonly Generation[], consumer: Consumer, state: Generation["state"]): boolean =>
  generations.some(
    (found) => found.view === consumer.view && found.generation === consumer.generation && found.state === state,
  );
