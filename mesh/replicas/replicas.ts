import type { Logger } from "../observe/index.ts";
import type { Runtime, Timer } from "../runtime/index.ts";
import type { SqliteStore, Store, Tx } from "../store/index.ts";
import type { Beats } from "./beats.ts";
import { fenced, type Lease, type LeasedWork, type Leases } from "./lease.ts";
import { LOOK_APART_MS_MIN, LOOK_MS, NOTICE_MS, SURE_MS } from "./limits.ts";
import { goneOf, type Sighting, sighted } from "./sightings.ts";
import { type LeaseRow, type ReplicaRow, replicaStore } from "./store.ts";

/** Where a lease is: here, at another replica, or nowhere for the moment. */
export type Holder = { readonly at: "here" | "nobody" } | { readonly at: "other"; readonly address: string };

/** The processes on one store, and what belongs to which of them. */
export interface Replicas extends Leases {
  /** This one. */
  readonly instanceId: string;
  /** Has `listener` told of each replica that is gone, in the transaction that takes it out. May be called twice, as any job. */
  onGone(listener: (tx: Tx, instanceId: string) => Promise<void>): void;
  /** True while nobody can have declared this replica gone. False after it was stopped for a while: then a write of its own tells. */
  sure(): boolean;
  holderOf(name: string): Promise<Holder>;
  /** Joins the others, who reach this one at `address`, and takes the leases that nobody has. */
  begin(address: string): Promise<void>;
  /** Hands all leases over; resolves when nothing runs under any, also where the store cannot say so. This replica stays with the others. */
  release(): Promise<void>;
  /** Leaves the others. */
  leave(): Promise<void>;
}

export interface ReplicasDeps extends Pick<Runtime, "clock" | "timers"> {
  readonly instanceId: string;
  readonly store: Pick<SqliteStore, "read" | "peek" | "write" | "onEvents" | "share">;
  /** The store that leased work writes to. */
  readonly workStore: Store;
  readonly beats: Beats;
  readonly log: Logger;
}

interface Held {
  readonly row: LeaseRow;
  readonly work: LeasedWork;
}

/**
 * The replicas of a service as one of them sees the others. Each gives a sign of life every LOOK_MS, and looks at those of the others;
 * one that gives none is taken out by whoever finds it first, and its leases and sagas are free. A replica that is alone writes nothing.
 */
export class SharedStoreReplicas implements Replicas {
  readonly instanceId: string;
  readonly #deps: ReplicasDeps;
  readonly #begins = new Map<string, (lease: Lease) => LeasedWork>();
  readonly #held = new Map<string, Held>();
  /** Leases whose work is being stopped: not to be taken again before. */
  readonly #ending = new Map<string, Promise<void>>();
  readonly #goneListeners: ((tx: Tx, instanceId: string) => Promise<void>)[] = [];
  #sightings: ReadonlyMap<string, Sighting> = new Map();
  #state: "new" | "joined" | "released" | "left" = "new";
  #address = "";
  #sureUntilMs = 0;
  #lastLookMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #forget: (() => void) | undefined;

  constructor(deps: ReplicasDeps) {
    this.#deps = deps;
    this.instanceId = deps.instanceId;
  }

  hold(name: string, begin: (lease: Lease) => LeasedWork): void {
    if (this.#begins.has(name)) throw new TypeError(`the lease ${name} is asked for twice: give each work a name`);
    this.#begins.set(name, begin);
  }

  onGone(listener: (tx: Tx, instanceId: string) => Promise<void>): void {
    this.#goneListeners.push(listener);
  }

  sure(): boolean {
    return this.#deps.clock.monotonicMs() < this.#sureUntilMs;
  }

  async holderOf(name: string): Promise<Holder> {
    if (this.#held.has(name)) return { at: "here" };
    const { replicas, leases } = await this.#deps.store.peek((reader) => replicaStore.list(reader));
    const holder = leases.find((row) => row.name === name)?.holder;
    const other = replicas.find(({ instanceId }) => instanceId === holder && instanceId !== this.instanceId);
    return other === undefined ? { at: "nobody" } : { at: "other", address: other.address };
  }

  async begin(address: string): Promise<void> {
    const { store, timers } = this.#deps;
    this.#address = address;
    await this.#join();
    this.#state = "joined";
    this.#forget = store.onEvents(() => this.#noticed());
    this.#timer = timers.every(LOOK_MS, () => void this.#look());
    await this.#look();
  }

  async release(): Promise<void> {
    if (this.#state !== "joined") return;
    this.#state = "released";
    await this.#looking;
    const held = this.#held.size > 0;
    await this.#endAll();
    if (!held) return;
    const { store, log } = this.#deps;
    // The drain must not fail with it: what is not free now is at the leave, or when this replica is found to be gone.
    await store
      .write((tx) => replicaStore.free(tx, this.instanceId), { reply: "later" })
      .catch((error: unknown) => log.warn({ err: error }, "the leases were not handed over"));
  }

  async leave(): Promise<void> {
    if (this.#state === "new" || this.#state === "left") return;
    await this.release();
    this.#state = "left";
    this.#timer?.cancel();
    this.#soon?.cancel();
    this.#forget?.();
    await this.#looking;
    const { store, beats, log } = this.#deps;
    store.share(false);
    // Whoever cannot say that it leaves is found to be gone.
    await store
      .write((tx) => replicaStore.remove(tx, this.instanceId), { reply: "later" })
      .catch((error: unknown) => log.warn({ err: error }, "the other replicas were not told of the leave"));
    beats.remove(this.instanceId);
  }

  async #join(): Promise<void> {
    const { store, beats, clock } = this.#deps;
    const startMs = clock.monotonicMs();
    beats.beat(this.instanceId);
    const row: ReplicaRow = { instanceId: this.instanceId, address: this.#address };
    await store.write((tx) => replicaStore.join(tx, row), { reply: "later" });
    this.#sureUntilMs = startMs + SURE_MS;
  }

  /** Another process has committed: a lease may be free. */
  #noticed(): void {
    const wants = this.#begins.size > this.#held.size;
    if (this.#state !== "joined" || !wants || this.#soon !== undefined) return;
    this.#soon = this.#deps.timers.after(NOTICE_MS, () => {
      this.#soon = undefined;
      void this.#look();
    });
  }

  /** Never rejects. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce()
      .catch((error: unknown) => this.#deps.log.warn({ err: error }, "the other replicas were not looked at"))
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    const { store, clock, beats, log } = this.#deps;
    const startMs = clock.monotonicMs();
    const { replicas, leases } = await store.peek((reader) => replicaStore.list(reader));
    if (this.#state !== "joined" && this.#state !== "released") return;
    if (!replicas.some(({ instanceId }) => instanceId === this.instanceId)) {
      log.warn("the other replicas took this one for gone, which was stopped for a while; it joins again");
      await this.#endAll();
      await this.#join();
      return;
    }
    const others = replicas.map(({ instanceId }) => instanceId).filter((id) => id !== this.instanceId);
    store.share(others.length > 0);
    // One that is alone is looked at by nobody; whoever comes waits for longer than until the next look.
    if (others.length > 0) beats.beat(this.instanceId);
    this.#sureUntilMs = startMs + SURE_MS;
    for (const { row } of [...this.#held.values()]) {
      const is = leases.find(({ name }) => name === row.name);
      if (is?.holder !== row.holder || is.epoch !== row.epoch) void this.#end(row.name);
    }
    if (startMs - this.#lastLookMs >= LOOK_APART_MS_MIN) {
      this.#lastLookMs = startMs;
      this.#sightings = sighted(this.#sightings, new Map(others.map((id) => [id, beats.last(id)])));
    }
    const gone = goneOf(this.#sightings).filter((id) => others.includes(id));
    const isFree = (name: string) => (leases.find((row) => row.name === name)?.holder ?? "") === "";
    const wanted = this.#wanted();
    if (gone.length > 0 || wanted.some(isFree)) await this.#takeOver(gone, wanted);
  }

  #wanted(): string[] {
    if (this.#state !== "joined") return [];
    return [...this.#begins.keys()].filter((name) => !this.#held.has(name) && !this.#ending.has(name));
  }

  /** Takes out those that are gone, and the leases that are free then. */
  async #takeOver(gone: readonly string[], wanted: readonly string[]): Promise<void> {
    const { store, beats, log } = this.#deps;
    const { removed, taken } = await store.write(
      async (tx) => {
        const removed: string[] = [];
        const taken: LeaseRow[] = [];
        // One that was itself taken out meanwhile has no say.
        if (!(await replicaStore.isMember(tx, this.instanceId))) return { removed, taken };
        for (const id of gone) {
          if (!(await replicaStore.remove(tx, id))) continue;
          removed.push(id);
          for (const listener of this.#goneListeners) await listener(tx, id);
        }
        for (const name of wanted) {
          const epoch = await replicaStore.take(tx, name, this.instanceId);
          if (epoch !== undefined) taken.push({ name, holder: this.instanceId, epoch });
        }
        return { removed, taken };
      },
      { reply: "later" },
    );
    for (const id of removed) {
      beats.remove(id);
      log.warn({ gone: id }, "a replica is gone; what it ran goes on elsewhere");
    }
    for (const row of taken) {
      this.#held.set(row.name, { row, work: this.#beginWork(row) });
      log.debug({ lease: row.name, epoch: row.epoch }, "took a lease");
    }
  }

  #beginWork(row: LeaseRow): LeasedWork {
    const begin = this.#begins.get(row.name);
    if (begin === undefined) throw new Error(`nobody asked for the lease ${row.name}`);
    return begin({ name: row.name, store: fenced(this.#deps.workStore, row) });
  }

  /** Stops the work of a lease that is held no more, or is about to be handed over. */
  #end(name: string): Promise<void> {
    const held = this.#held.get(name);
    if (held === undefined) return this.#ending.get(name) ?? Promise.resolve();
    this.#held.delete(name);
    const ending = held.work
      .stop()
      .catch((error: unknown) => this.#deps.log.error({ lease: name, err: error }, "leased work did not stop"))
      .finally(() => void this.#ending.delete(name));
    this.#ending.set(name, ending);
    return ending;
  }

  async #endAll(): Promise<void> {
    await Promise.all([...this.#held.keys(), ...this.#ending.keys()].map((name) => this.#end(name)));
  }
}
