/** Bounds how many things go on at once. */
export class ConcurrencyLimit {
  readonly max: number;
  #running = 0;

  /** `max`: at least 1. */
  constructor(max: number) {
    if (!(max >= 1)) throw new TypeError(`A concurrency limit of ${max} lets nothing run: set 1 or more.`);
    this.max = max;
  }

  get running(): number {
    return this.#running;
  }

  get isFull(): boolean {
    return this.#running >= this.max;
  }

  /** False when as many run as may; then there is nothing to leave. */
  enter(): boolean {
    if (this.isFull) return false;
    this.#running++;
    return true;
  }

  /** To be called once for each `enter` that returned true. */
  leave(): void {
    if (this.#running === 0) throw new Error("More calls have left than entered.");
    this.#running--;
  }
}
