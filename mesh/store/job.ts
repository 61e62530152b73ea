import { AsyncLocalStorage } from "node:async_hooks";
import type { DescMethod } from "@bufbuild/protobuf";
import { fail } from "../contract/fail.ts";
import { type Call, currentCall } from "../rpc/call.ts";
import type { Clock } from "../runtime/index.ts";
import { TOO_LATE } from "./errors.ts";

/** One run of a job of `store.read` or `store.write`; what the job was given works until its end only. */
export class Job {
  readonly kind: "read" | "write";
  readonly #method: DescMethod | undefined;
  #ended = false;

  constructor(kind: "read" | "write") {
    this.kind = kind;
    this.#method = currentCall()?.method;
  }

  /** The method that the job belongs to, for messages. */
  get name(): string {
    return nameOf(this.#method);
  }

  end(): void {
    this.#ended = true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Throws when the job has ended. */
  assertRunning(): void {
    if (this.#ended) {
      throw new TypeError(
        `${this.name}: the transaction of store.${this.kind} has ended. Await each of its calls inside the job, and keep none for later.`,
      );
    }
  }
}

/** `customer.v1.CustomerService/CreateCustomer`, or what to call work that belongs to no call. */
const nameOf = (method: DescMethod | undefined): string =>
  method === undefined ? "background work" : `${method.parent.typeName}/${method.name}`;

/** Throws when nobody waits any more for what the call asked for: such work is not begun. */
export const refuseLate = (call: Call | undefined, clock: Pick<Clock, "monotonicMs">): void => {
  if (call === undefined) return;
  if (call.aborted) call.signal.throwIfAborted();
  // The signal of a deadline fires when the event loop gets to it, which may be later.
  const { deadlineMs } = call;
  if (deadlineMs !== undefined && clock.monotonicMs() >= deadlineMs)
    throw fail(TOO_LATE, { method: nameOf(call.method) });
};

const running = new AsyncLocalStorage<Job>();

/**
 * Runs `work` as `job` and settles as it does, in the same turn of the event loop: a job that is still pending when the
 * turn is over waits for something that is not its transaction. It is ended and rejected, since it would hold the only
 * writer for as long as somebody else pleases.
 */
export const runJob = <T>(job: Job, work: () => Promise<T>, turns: TurnWatch): Promise<T> =>
  new Promise((resolve, reject) => {
    turns.watch(job, reject);
    try {
      running.run(job, work).then(
        (result) => {
          job.end();
          resolve(result);
        },
        (error) => {
          job.end();
          reject(error);
        },
      );
    } catch (error) {
      // A job that is no async function throws at once.
      job.end();
      reject(error);
    }
  });

/**
 * The same for a job that only reads: `resolve` or `reject` is called once. It costs less, for there are many, and knows a job
 * inside of it up to its first `await` alone: a read that waits for another job holds nobody up.
 */
export const runReadJob = <T>(
  job: Job,
  work: () => Promise<T>,
  turns: TurnWatch,
  resolve: (result: T) => void,
  reject: (error: unknown) => void,
): void => {
  turns.watch(job, reject);
  const outer = reading;
  reading = job;
  try {
    work().then(
      (result) => {
        if (job.ended) return;
        job.end();
        resolve(result);
      },
      (error) => {
        if (job.ended) return;
        job.end();
        reject(error);
      },
    );
  } catch (error) {
    // A job that is no async function throws at once.
    job.end();
    reject(error);
  } finally {
    reading = outer;
  }
};

/** The read job whose synchronous part runs. */
let reading: Job | undefined;

/** Throws when the code that runs is a job already: it would wait for itself, or see the store as it was before the job. */
export const refuseInsideJob = (kind: "read" | "write"): void => {
  const outer = running.getStore() ?? reading;
  if (outer === undefined || outer.ended) return;
  throw new TypeError(
    `${outer.name}: store.${kind} inside a job of store.${outer.kind}. Use the ${outer.kind === "write" ? "tx" : "reader"} that the job was given.`,
  );
};

/** Ends the jobs that are still pending when the current turn of the event loop is over. */
export class TurnWatch {
  // A list that begins anew with each turn, and no Set: nothing has to be taken out of it for each job.
  #watched: { readonly job: Job; readonly reject: (error: Error) => void }[] = [];

  /** Ends `job` with the turn, and rejects it, unless it has ended before. */
  watch(job: Job, reject: (error: Error) => void): void {
    // Not a wait but the event loop's own boundary: it runs after the microtasks of every job that was started before it.
    // Timers of mesh/runtime measure time, which says nothing about turns.
    if (this.#watched.length === 0) setImmediate(() => this.#turnOver());
    this.#watched.push({ job, reject });
  }

  #turnOver(): void {
    const watched = this.#watched;
    this.#watched = [];
    for (const { job, reject } of watched) {
      if (job.ended) continue;
      job.end();
      reject(
        new TypeError(
          `${job.name}: the job of store.${job.kind} awaited something else than its transaction and was rolled back. Await calls, timers and files before or after store.${job.kind}.`,
        ),
      );
    }
  }
}
