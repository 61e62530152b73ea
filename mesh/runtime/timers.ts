/** A wait that was started and can be called off. */
export interface Timer {
  /** Calls the wait off; nothing happens when it has fired already. */
  cancel(): void;
}

/** The only way to wait. */
export interface Timers {
  /** Runs `fire` once, `delayMs` milliseconds from now at the earliest. A pending timer does not keep the process alive. */
  after(delayMs: number, fire: () => void): Timer;
  /** Runs `fire` every `periodMs` milliseconds until it is cancelled. Does not keep the process alive. */
  every(periodMs: number, fire: () => void): Timer;
  /** Runs `fire` once what has arrived in this turn of the event loop, and what that has set off, is dealt with. */
  afterTurn(fire: () => void): void;
  /** Resolves after `delayMs` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** The timers of the event loop. */
export const systemTimers: Timers = {
  after: (delayMs, fire) => arm(delayMs, fire, (timer) => timer.unref()),
  every(periodMs, fire) {
    const timer = setInterval(fire, Math.min(periodMs, DELAY_MS_MAX)).unref();
    return { cancel: () => clearInterval(timer) };
  },
  afterTurn: (fire) => void setImmediate(fire),
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const stop = () => {
        timer.cancel();
        reject(signal?.reason);
      };
      // Somebody awaits this one, so it does keep the process alive.
      const timer = arm(delayMs, () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      });
      signal?.addEventListener("abort", stop, { once: true });
    });
  },
};

/** The longest delay that the event loop counts, about 25 days; it takes a longer one for 1 ms. */
const DELAY_MS_MAX = 2 ** 31 - 1;

const arm = (delayMs: number, fire: () => void, started: (timer: NodeJS.Timeout) => void = () => undefined): Timer => {
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number) => {
    const stepMs = Math.min(leftMs, DELAY_MS_MAX);
    timer = setTimeout(leftMs > stepMs ? () => wait(leftMs - stepMs) : fire, stepMs);
    started(timer);
  };
  wait(delayMs);
  return { cancel: () => clearTimeout(timer) };
};
