import type { Logger } from "../observe/index.ts";
import { continueTrace } from "../observe/index.ts";
import type { LeasedWork, Replicas } from "../replicas/index.ts";
import { backgroundCall, currentCall, runInCall } from "../rpc/call.ts";
import { type Runtime, StartError } from "../runtime/index.ts";
import type { Reader, Store, Tx } from "../store/store.ts";
import { BegunSagas } from "./begun-sagas.ts";
import type { SagaDefinition } from "./define-saga.ts";
import { DUE_READ_MAX, RUNNING_MAX, START_GRACE_MS, STATE_BYTES_MAX } from "./limits.ts";
import { Looks } from "./looks.ts";
import { reduce } from "./reduce.ts";
import { SagaRun } from "./runner.ts";
import { newSaga, type SagaRecord, statusOf } from "./saga-record.ts";
import { SagaWaiters } from "./saga-waiters.ts";
import type { SagaResult, StartedSaga } from "./started-saga.ts";
import { sagaStore } from "./store.ts";
import { startSweep } from "./sweep.ts";

/** The sagas of a service. */
export interface Sagas {
  /**
   * Begins a saga in the transaction of what it is about; `key` names that, such as an order's id. While one of the same name is
   * under way for the key, that one is returned and nothing is written. `run` it once the transaction has committed; one that
   * nobody runs, such as one of an event's transaction, begins by itself soon after.
   */
  start<S extends object>(
    tx: Tx,
    definition: SagaDefinition<S>,
    begin: { readonly key: string; readonly state: S },
  ): Promise<StartedSaga>;
  /** The saga of a definition's name that is under way for a key. */
  findLive(reader: Reader, definition: { readonly name: string }, key: string): Promise<StartedSaga | undefined>;
  /**
   * Takes a saga up in this process and waits until it has ended or is parked, or for `timeoutMs` milliseconds, or until the current
   * call ends. The saga itself goes on, whoever waits.
   */
  run(started: StartedSaga, options: { readonly timeoutMs: number }): Promise<SagaResult>;
}

export interface SagasDeps extends Pick<Runtime, "clock" | "timers" | "random" | "ids"> {
  /** The service that owns them, for messages. */
  readonly service: string;
  readonly store: Store;
  readonly log: Logger;
  readonly definitions: readonly SagaDefinition[];
  /** The other processes on the store. */
  readonly replicas: Pick<Replicas, "instanceId" | "sure" | "hold" | "onGone">;
}

/** Begins, runs and shows the sagas of one service. */
export class SagaEngine implements Sagas {
  readonly #deps: SagasDeps;
  readonly #definitions = new Map<string, SagaDefinition>();
  /** Those that this process runs. Undefined: taken up, and being read. */
  readonly #running = new Map<string, SagaRun | undefined>();
  readonly #drives = new Set<Promise<void>>();
  readonly #waiting: SagaWaiters;
  readonly #unknown = new Set<string>();
  readonly #stop = new AbortController();
  readonly #begun: BegunSagas;
  readonly #looks: Looks;
  #forget: (() => void) | undefined;
  /** This instance holds the lease, by which it takes up what nobody runs. */
  #leased = false;

  /** Throws a TypeError when two definitions have the same name and version. */
  constructor(deps: SagasDeps) {
    this.#deps = deps;
    this.#waiting = new SagaWaiters(deps.timers);
    this.#looks = new Looks(deps);
    this.#begun = new BegunSagas((ids) => void this.#takeUpBegun(ids), deps);
    for (const definition of deps.definitions) {
      const id = versionOf(definition);
      if (this.#definitions.has(id)) throw new TypeError(`${deps.service} defines the saga ${id} twice`);
      this.#definitions.set(id, definition);
    }
    deps.replicas.hold("sagas", ({ store }) => this.#beginLeased(store));
    // Whoever finds that an instance is gone takes up what it ran.
    deps.replicas.onGone(async (tx, instanceId) => {
      await sagaStore.releaseRunner(tx, instanceId, deps.clock.nowMs());
      this.#looks.soon(() => this.look());
    });
  }

  /** Throws a StartError when sagas are under way that this release cannot end. */
  async check(): Promise<void> {
    const live = await this.#deps.store.read((reader) => sagaStore.liveVersions(reader));
    const unknown = live.filter((each) => !this.#definitions.has(versionOf(each)));
    if (unknown.length === 0) return;
    const list = unknown.map((each) => `${each.sagas} of ${versionOf(each)}`).join(", ");
    throw new StartError(
      `${this.#deps.service} has sagas under way that this release does not define: ${list}.`,
      "start the release that began them and let it end them (heddle sagas list), or keep their definition beside the new one.",
    );
  }

  /** Runs what is begun here. */
  begin(): void {
    this.#looks.every(() => this.#lookOn());
    this.#forget = this.#deps.store.onEvents(() => this.#looks.soon(() => this.#lookOn()));
    this.#begun.begin();
  }

  /** Takes up what is under way and run by nobody, now and whenever something is due, and forgets what ended long ago. */
  #beginLeased(store: Store): LeasedWork {
    const sweep = startSweep({ ...this.#deps, store });
    this.#leased = true;
    this.look();
    return {
      stop: async () => {
        this.#leased = false;
        await sweep.stop();
        await this.#looks.idle();
      },
    };
  }

  /** Drops running attempts, which the next start takes up again; resolves when nothing touches the store any more. */
  async stop(): Promise<void> {
    this.#forget?.();
    this.#begun.stop();
    this.#stop.abort(new Error("the service stops"));
    await this.#looks.stop();
    await Promise.all(this.#drives);
  }

  async start<S extends object>(
    tx: Tx,
    definition: SagaDefinition<S>,
    { key, state }: { readonly key: string; readonly state: S },
  ): Promise<StartedSaga> {
    const known = this.#definitions.get(versionOf(definition));
    if (known === undefined) throw new TypeError(`${this.#deps.service} does not define ${versionOf(definition)}`);
    const bytes = Buffer.byteLength(JSON.stringify(state));
    if (bytes > STATE_BYTES_MAX)
      throw new TypeError(`${versionOf(definition)} begins with ${bytes} bytes of state: at most ${STATE_BYTES_MAX}`);
    const live = await this.findLive(tx, definition, key);
    if (live !== undefined) return live;
    const { clock, ids, random } = this.#deps;
    const nowMs = clock.nowMs();
    const record = newSaga(known, {
      id: ids.next("sag"),
      key,
      state,
      traceparent: continueTrace(currentCall()?.traceparent, random),
      runner: this.#deps.replicas.instanceId,
      nowMs,
      dueMs: nowMs + START_GRACE_MS,
    });
    await sagaStore.insert(tx, record);
    this.#begun.add(record.id);
    return { id: record.id, record };
  }

  async findLive(reader: Reader, { name }: { readonly name: string }, key: string): Promise<StartedSaga | undefined> {
    const record = await sagaStore.findLive(reader, name, key);
    return record && { id: record.id, record };
  }

  async run({ id, record }: StartedSaga, { timeoutMs }: { readonly timeoutMs: number }): Promise<SagaResult> {
    const settled = this.#waiting.wait(id, timeoutMs);
    if (this.#mayRun(id)) {
      // One that was just begun is as it is in memory; any other must be read by whoever has taken it up.
      if (record.resumed) this.#drive(id, () => this.#read(id));
      else this.#drive(id, async () => record);
    }
    const saga = (await settled) ?? this.current(id) ?? record;
    return { id, status: statusOf(saga), failure: saga.failure };
  }

  /** The definition that a saga runs on; undefined when this release has it no more. */
  definitionOf(saga: { readonly name: string; readonly version: number }): SagaDefinition | undefined {
    return this.#definitions.get(versionOf(saga));
  }

  /** How far a saga has come that this process runs. */
  current(id: string): SagaRecord | undefined {
    return this.#running.get(id)?.saga;
  }

  /** Sets a parked saga going; returns it as it is then, undefined when there is none. Changes nothing where it is not parked. */
  async retry(id: string): Promise<SagaRecord | undefined> {
    const { store, clock } = this.#deps;
    const saga = await store.write(
      async (tx) => {
        const found = await sagaStore.find(tx, id);
        const definition = found && this.#definitions.get(versionOf(found));
        if (found === undefined || definition === undefined || !found.parked) return found;
        return sagaStore.update(tx, reduce(found, definition, { type: "retried" }, clock.nowMs()));
      },
      { reply: "later" },
    );
    if (saga !== undefined && saga.endMs === undefined && !saga.parked && this.#mayRun(id))
      this.#drive(id, () => this.#read(id));
    return this.current(id) ?? saga;
  }

  /** Takes up what is due and does not run. */
  look(): void {
    this.#looks.now(() => this.#takeUpDue());
  }

  /** Looks for what there is to do for an instance: for the holder of the lease what is due, for all what somebody waits for here. */
  #lookOn(): void {
    if (this.#leased) this.look();
    else if (this.#waiting.ids.length > 0) this.#looks.now(() => this.#settleEnded());
  }

  /** Takes up those of some that were begun which are written, and which nobody has run meanwhile. */
  async #takeUpBegun(ids: readonly string[]): Promise<void> {
    const { store } = this.#deps;
    // What cannot be read now is left to the next look.
    const written = await store.read((reader) => sagaStore.listExisting(reader, ids)).catch((): string[] => []);
    for (const id of written) if (this.#begun.has(id) && this.#mayRun(id)) this.#drive(id, () => this.#read(id));
  }

  async #takeUpDue(): Promise<void> {
    const { store, clock } = this.#deps;
    const limit = this.#running.size + DUE_READ_MAX;
    const due = await store.read((reader) => sagaStore.listDue(reader, clock.nowMs(), limit));
    for (const id of due) if (this.#mayRun(id)) this.#drive(id, () => this.#read(id));
    await this.#settleEnded();
  }

  /** Tells those who wait here for what another process has ended. */
  async #settleEnded(): Promise<void> {
    for (const id of this.#waiting.ids) {
      if (this.#running.has(id)) continue;
      const saga = await this.#read(id);
      if (saga !== undefined && rests(saga)) this.#waiting.settle(saga);
    }
  }

  #mayRun(id: string): boolean {
    return !this.#running.has(id) && this.#running.size < RUNNING_MAX && !this.#stop.signal.aborted;
  }

  #read(id: string): Promise<SagaRecord | undefined> {
    return this.#deps.store.read((reader) => sagaStore.find(reader, id));
  }

  /** Runs a saga; it is taken up before it is read, so that nobody in this process runs an older state of it. */
  #drive(id: string, load: () => Promise<SagaRecord | undefined>): void {
    this.#running.set(id, undefined);
    this.#begun.delete(id);
    // Whoever starts it may be a call, which ends, is cancelled and has a deadline: none of that is the saga's.
    const drive = runInCall(backgroundCall(""), () => this.#runLoaded(id, load))
      .catch((error: unknown) => {
        this.#deps.log.warn({ sagaId: id, err: error }, "a saga could not be taken up");
        return undefined;
      })
      .then((end) => {
        this.#drives.delete(drive);
        this.#running.delete(id);
        if (end === "waits") {
          // Somebody may have come while it was put away: then it does not wait.
          if (this.#waiting.has(id) && this.#mayRun(id)) this.#drive(id, () => this.#read(id));
        } else if (end !== undefined) this.#waiting.settle(end);
      });
    this.#drives.add(drive);
  }

  /** Resolves to the saga when it rests, to "waits" when it waits in its row, else to undefined. */
  async #runLoaded(id: string, load: () => Promise<SagaRecord | undefined>): Promise<SagaRecord | "waits" | undefined> {
    const saga = await load();
    if (saga === undefined || rests(saga)) return saga;
    const definition = this.#definitions.get(versionOf(saga));
    if (definition === undefined) {
      this.#tellUnknown(saga);
      return undefined;
    }
    // Another process runs it: whoever waits here is told of its end.
    if (this.#isElsewhere(saga)) return undefined;
    // Whoever takes it up does so now, whatever it waits for.
    const now = { ...saga, dueMs: this.#deps.clock.nowMs() };
    const deps = { ...this.#deps, stop: this.#stop.signal };
    const run = new SagaRun(now, definition, deps, () => this.#waiting.has(id));
    this.#running.set(id, run);
    if (await run.run()) return "waits";
    return rests(run.saga) && run.saga.saved ? run.saga : undefined;
  }

  #isElsewhere({ runner, dueMs }: SagaRecord): boolean {
    const { replicas, clock } = this.#deps;
    return runner !== "" && runner !== replicas.instanceId && dueMs > clock.nowMs();
  }

  /** Says once of each version that another release, on the same store, has begun what this one cannot run. */
  #tellUnknown(saga: SagaRecord): void {
    const version = versionOf(saga);
    if (this.#unknown.has(version)) return;
    this.#unknown.add(version);
    this.#deps.log.error({ sagaId: saga.id, saga: version }, "a saga is due that this release does not define");
  }
}

const versionOf = ({ name, version }: { readonly name: string; readonly version: number }): string =>
  `${name}@${version}`;

const rests = (saga: SagaRecord): boolean => saga.endMs !== undefined || saga.parked;
