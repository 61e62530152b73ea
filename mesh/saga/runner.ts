import type { Logger } from "../observe/index.ts";
import { backgroundCall, runInCall } from "../rpc/call.ts";
import type { Runtime } from "../runtime/index.ts";
import type { Store, Tx } from "../store/store.ts";
import { attempt, nextTrace } from "./attempt.ts";
import { Refusal, type SagaDefinition } from "./define-saga.ts";
import { backoffMs, failedAttempt } from "./failed-attempt.ts";
import { PARK_ATTEMPTS, TAKEN_MS, WAIT_IN_MEMORY_MS } from "./limits.ts";
import { next } from "./next.ts";
import { reduce, type SagaEvent } from "./reduce.ts";
import { type SagaRecord, statusOf, withCompensationsRecorded } from "./saga-record.ts";
import { StaleSaga, sagaStore } from "./store.ts";

export interface RunnerDeps extends Pick<Runtime, "clock" | "timers" | "random"> {
  readonly store: Store;
  readonly log: Logger;
  /** This instance, and whether it may rely on not having been declared gone. */
  readonly replicas: { readonly instanceId: string; sure(): boolean };
  /** Aborts when the service stops: running attempts are dropped, and taken up again by the next start. */
  readonly stop: AbortSignal;
}

/** One saga that runs in this process. */
export class SagaRun {
  readonly #definition: SagaDefinition;
  readonly #deps: RunnerDeps;
  readonly #hurried: () => boolean;
  #saga: SagaRecord;
  /** Writes in a row that failed. */
  #failedWrites = 0;

  /** `hurried`: whether somebody waits for it, so that it stays in memory. */
  constructor(saga: SagaRecord, definition: SagaDefinition, deps: RunnerDeps, hurried: () => boolean) {
    this.#saga = saga;
    this.#definition = definition;
    this.#deps = deps;
    this.#hurried = hurried;
  }

  /** How far it has come, which may be further than its row says. */
  get saga(): SagaRecord {
    return this.#saga;
  }

  /**
   * Takes it as far as it gets: to its end, until it is parked, to a long wait, or until the service stops. Resolves to true when it
   * waits in its row; never rejects.
   */
  async run(): Promise<boolean> {
    const { stop, log } = this.#deps;
    try {
      // What was read from a row may still be run by another process, which must find out before this one does anything.
      if (this.#saga.resumed) await this.#save();
      while (!stop.aborted && (await this.#step()));
      if (!stop.aborted) return this.#saga.endMs === undefined && !this.#saga.parked;
    } catch (error) {
      if (error instanceof StaleSaga) log.debug(this.#line(), "a saga is run by another process");
      else if (!stop.aborted) log.error({ ...this.#line(), err: error }, "a saga was let go of");
    }
    if (stop.aborted) await this.#leave();
    return false;
  }

  /** Leaves in the row how far it has come, for the next start to go on from; a crash would leave less, and lose nothing. */
  async #leave(): Promise<void> {
    const { store, clock } = this.#deps;
    if (next(this.#saga, this.#definition, clock.nowMs()).do === "rest") return;
    await store
      .write((tx) => this.#put(tx, this.#saga, clock.nowMs()), { reply: "later" })
      .catch((error: unknown) => this.#deps.log.debug({ ...this.#line(), err: error }, "a saga was left as it was"));
  }

  /** Does the next thing; resolves to false when there is nothing to do for now. */
  async #step(): Promise<boolean> {
    const todo = next(this.#saga, this.#definition, this.#deps.clock.nowMs());
    // A process that was stopped and wakes up may have lost its sagas to others: its next write tells.
    if ((todo.do === "act" || todo.do === "compensate") && !this.#deps.replicas.sure()) await this.#save();
    switch (todo.do) {
      case "act":
        await this.#attempt(todo.step, async (context) => {
          const outcome = await this.#definition.steps[todo.step]?.action?.(context);
          return outcome instanceof Refusal
            ? { type: "refused", step: todo.step, reason: outcome.reason }
            : { type: "acted", step: todo.step, change: outcome };
        });
        return true;
      case "compensate":
        await this.#attempt(todo.step, async (context) => {
          await this.#definition.steps[todo.step]?.compensation?.run(context);
          return { type: "compensated", step: todo.step };
        });
        return true;
      case "commit":
        await this.#commit(todo.step);
        return true;
      case "turn":
        this.#apply({ type: "late", step: todo.step });
        return true;
      case "save":
        await this.#save();
        return true;
      case "end":
        await this.#write((tx, now) => this.#end(tx, now));
        return true;
      case "wait":
        return this.#wait(todo.untilMs);
      case "rest":
        return false;
    }
  }

  async #attempt(
    step: number,
    work: (context: Parameters<Parameters<typeof attempt>[3]>[0]) => Promise<SagaEvent>,
  ): Promise<void> {
    const { trace, traceId } = nextTrace(this.#saga, this.#deps);
    this.#apply({ type: "began", step, traceId });
    try {
      this.#apply(await attempt(this.#saga, step, this.#definition, work, { ...this.#deps, trace }));
    } catch (error) {
      // Dropped, not failed: the next start finds out.
      if (this.#deps.stop.aborted) throw error;
      this.#fail(step, error);
    }
  }

  /** Runs the domain's change of a step and the record of it in one transaction. */
  async #commit(step: number): Promise<void> {
    const { trace, traceId } = nextTrace(this.#saga, this.#deps);
    if (this.#saga.steps[step]?.acted !== true) this.#apply({ type: "began", step, traceId });
    const { id: sagaId, key, state } = this.#saga;
    try {
      const job = async (tx: Tx): Promise<SagaRecord> => {
        // Before the domain is asked, which would not know why it finds the change there already.
        await sagaStore.assertCurrent(tx, this.#saga);
        const outcome = await this.#definition.steps[step]?.commit?.(tx, { sagaId, key, state });
        const event: SagaEvent =
          outcome instanceof Refusal
            ? { type: "refused", step, reason: outcome.reason }
            : { type: "committed", step, change: outcome };
        const nowMs = this.#deps.clock.nowMs();
        const after = reduce(this.#saga, this.#definition, event, nowMs);
        return next(after, this.#definition, nowMs).do === "end" ? this.#end(tx, after) : this.#update(tx, after);
      };
      this.#saga = await runInCall(backgroundCall(trace), () => this.#deps.store.write(job, { reply: "later" }));
    } catch (error) {
      if (error instanceof StaleSaga || this.#deps.stop.aborted) throw error;
      this.#fail(step, error);
    }
  }

  /** Ends a saga that is undone, with what that means for the domain. */
  async #end(tx: Tx, saga: SagaRecord): Promise<SagaRecord> {
    const { id: sagaId, key, state, failure } = saga;
    await sagaStore.assertCurrent(tx, saga);
    if (failure !== undefined) await this.#definition.undone?.(tx, { sagaId, key, state, failure });
    const ended = reduce(saga, this.#definition, { type: "ended" }, this.#deps.clock.nowMs());
    return this.#update(tx, ended);
  }

  /** Writes the row; the saga stays with this process. */
  #update(tx: Tx, saga: SagaRecord): Promise<SagaRecord> {
    const { clock, replicas } = this.#deps;
    return this.#put(tx, saga, clock.nowMs() + TAKEN_MS, replicas.instanceId);
  }

  #put(tx: Tx, saga: SagaRecord, dueMs: number, runner = ""): Promise<SagaRecord> {
    return sagaStore.update(tx, withCompensationsRecorded(saga, this.#definition), dueMs, runner);
  }

  #save(): Promise<void> {
    return this.#write((tx, saga) => this.#update(tx, saga));
  }

  /** Writes until it is written: a saga whose store fails for a while goes on with it. */
  async #write(job: (tx: Tx, saga: SagaRecord) => Promise<SagaRecord>): Promise<void> {
    const { store, timers, random, stop, log } = this.#deps;
    const { trace } = nextTrace(this.#saga, this.#deps);
    for (;;) {
      const saga = this.#saga;
      try {
        this.#saga = await runInCall(backgroundCall(trace), () =>
          store.write((tx) => job(tx, saga), { reply: "later" }),
        );
        this.#failedWrites = 0;
        this.#tell();
        return;
      } catch (error) {
        if (error instanceof StaleSaga || stop.aborted) throw error;
        const failed = failedAttempt(error);
        this.#failedWrites += 1;
        log.warn({ ...this.#line(), err: error }, "a saga could not be written");
        if (this.#failedWrites === PARK_ATTEMPTS) {
          this.#apply({ type: "stuck", attempt: failed });
          return;
        }
        await timers.sleep(backoffMs(this.#failedWrites, failed, random), stop);
      }
    }
  }

  /** Waits for the next attempt: here when that is soon, else in the row. */
  async #wait(untilMs: number): Promise<boolean> {
    const waitMs = untilMs - this.#deps.clock.nowMs();
    if (waitMs > WAIT_IN_MEMORY_MS && !this.#hurried()) {
      await this.#write((tx, saga) => this.#put(tx, saga, untilMs));
      return false;
    }
    await this.#deps.timers.sleep(Math.max(1, waitMs), this.#deps.stop);
    return true;
  }

  #fail(step: number, error: unknown): void {
    const failed = failedAttempt(error);
    const record = this.#saga.steps[step];
    const { direction } = this.#saga;
    const tries = ((direction === "on" ? record?.action : record?.compensation)?.failures ?? 0) + 1;
    const waitMs = backoffMs(tries, failed, this.#deps.random);
    this.#apply({ type: "failed", step, attempt: failed, waitMs });
    const line = { ...this.#line(), step: record?.name, tries, err: error };
    if (direction === this.#saga.direction) this.#deps.log.debug({ ...line, waitMs }, "an attempt failed");
    else this.#deps.log.warn(line, "a step was given up, and the saga is undone");
  }

  #apply(event: SagaEvent): void {
    this.#saga = reduce(this.#saga, this.#definition, event, this.#deps.clock.nowMs());
  }

  /** Says once, when it is written, what an operator wants to know. */
  #tell(): void {
    const { id, parked, failure } = this.#saga;
    if (!parked) return;
    const next = `heddle sagas show ${id} says why, heddle sagas retry ${id} sets it going`;
    this.#deps.log.error({ ...this.#line(), failure, next }, "a saga is parked");
  }

  #line() {
    const { id: sagaId, name: saga, key } = this.#saga;
    return { sagaId, saga, key, status: statusOf(this.#saga) };
  }
}
