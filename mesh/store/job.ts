import { AsyncLocalStorage } from "node:async_hooks";
import { currentCall } from "../rpc/call.ts";

/** One run of a job of `store.read` or `store.write`; what the job was given works until its end only. */
export class Job {
  /** The method that the job belongs to, for messages. */
  readonly name: string;
  readonly kind: "read" | "write";
  #ended = false;

  constructor(kind: "read" | "write") {
    this.kind = kind;
    this.name = currentMethod();
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
export const currentMethod = (): string => {
  const method = currentCall()?.method;
  return method === undefined ? "background work" : `${method.parent.typeName}/${method.name}`;
};

const running = new AsyncLocalStorage<Job>();

/**
 * Runs `work` as `job` and settles as it does, in the same turn of the event loop: a job that is still pending when the
 * turn is over waits for something that is not its transaction. It is ended and rejected, since it would hold the only
 * writer for as long as somebody else pleases.
 */
export const runJob = <T>(job: Job, work: () => Promise<T>, turns: TurnWatch): Promise<T> =>
  new Promise((resolve, reject) => {
    const forget = turns.watch(() => {
      job.end();
      reject(
        new TypeError(
          `${job.name}: the job of store.${job.kind} awaited something else than its transaction and was rolled back. Await calls, timers and files before or after store.${job.kind}.`,
        ),
      );
    });
    const settle = () => {
      forget();
      job.end();
    };
    running
      .run(job, async () => work())
      .then(
        (result) => {
          settle();
          resolve(result);
        },
        (error) => {
          settle();
          reject(error);
        },
      );
  });

/** Throws when the code that runs is a job already: it would wait for itself, or see the store as it was before the job. */
export const refuseInsideJob = (kind: "read" | "write"): void => {
  const outer = running.getStore();
  if (outer === undefined || outer.ended) return;
  throw new TypeError(
    `${outer.name}: store.${kind} inside a job of store.${outer.kind}. Use the ${outer.kind === "write" ? "tx" : "reader"} that the job was given.`,
  );
};

/** Tells when the current turn of the event loop is over. */
export class TurnWatch {
  readonly #watching = new Set<() => void>();
  #scheduled = false;

  /** Calls `overdue` at the end of this turn, unless the returned function is called before. */
  watch(overdue: () => void): () => void {
    this.#watching.add(overdue);
    if (!this.#scheduled) {
      this.#scheduled = true;
      // Not a wait but the event loop's own boundary: it runs after the microtasks of every job that was started before it.
      // Timers of mesh/runtime measure time, which says nothing about turns.
      setImmediate(() => this.#turnOver());
    }
    return () => this.#watching.delete(overdue);
  }

  #turnOver(): void {
    this.#scheduled = false;
    const overdue = [...this.#watching];
    this.#watching.clear();
    for (const tell of overdue) tell();
  }
}
