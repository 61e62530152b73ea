/**
 * Runs one job after the other, in the order in which they came: at once when none runs, otherwise one per turn of the
 * event loop, so that sockets are served between two commits.
 */
export class WriteQueue {
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = false;

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** True when as many jobs wait as may. */
  get full(): boolean {
    return this.#waiting.length >= this.#waitingMax;
  }

  /** Settles as `job` does. Callers look at `full` first. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running = true;
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running = false;
      // Not a wait but the event loop's own boundary, as in TurnWatch.
      else setImmediate(next);
    }
  }
}
